{{/* Refuses what cannot work, all of it at once; what is wrong with the container itself the library says. */}}
{{- define "kafka-sidecar.validate" -}}
{{- $problems := list -}}
{{- $standalone := .Values.standalone.enabled -}}
{{- if and $standalone (ne .Values.kafkaSidecar.shape "standalone") -}}
{{- $problems = append $problems (printf "kafkaSidecar.shape: %s is a shape of your own pod, but standalone.enabled asks for a pod of the sidecar alone: leave one of them out (your own chart includes kafka-sidecar-lib)" .Values.kafkaSidecar.shape) -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not $standalone) -}}
{{- $problems = append $problems "networkPolicy.enabled: needs standalone.enabled: a policy selects pods, so beside an application it would isolate that, too (docs/DEPLOY.md has the rules that a sidecar needs)" -}}
{{- end -}}
{{- if and .Values.pdb.enabled (not $standalone) -}}
{{- $problems = append $problems "pdb.enabled: needs standalone.enabled: the budget of your own pods belongs to your own chart" -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
{{- $keda := .Values.keda -}}
{{- if and (not $standalone) (not $keda.target.name) -}}
{{- $problems = append $problems "keda.target.name: is required: the Deployment that has the sidecar, since there is none of this chart's own (standalone.enabled)" -}}
{{- end -}}
{{- if lt (int $keda.maxReplicaCount) 1 -}}
{{- $problems = append $problems "keda.maxReplicaCount: is required: at most the number of partitions, since a member beyond that has nothing to do" -}}
{{- else if gt (int $keda.minReplicaCount) (int $keda.maxReplicaCount) -}}
{{- $problems = append $problems (printf "keda.minReplicaCount: %d is above keda.maxReplicaCount (%d)" (int $keda.minReplicaCount) (int $keda.maxReplicaCount)) -}}
{{- end -}}
{{- if not (or $keda.lagSeconds.enabled $keda.lagRecords.enabled) -}}
{{- $problems = append $problems "keda: needs lagSeconds.enabled or lagRecords.enabled: it would not know when to scale" -}}
{{- end -}}
{{- if and (eq (int $keda.minReplicaCount) 0) (not $keda.lagRecords.enabled) -}}
{{- $problems = append $problems "keda.minReplicaCount: 0 needs keda.lagRecords.enabled: without a pod there is no lag in seconds that could wake one" -}}
{{- end -}}
{{- if $keda.lagRecords.enabled -}}
{{- $kafka := .Values.kafkaSidecar.settings.kafka | default dict -}}
{{- if not ($keda.lagRecords.bootstrapServers | default $kafka.bootstrap_servers) -}}
{{- $problems = append $problems "keda.lagRecords.bootstrapServers: is required where kafkaSidecar.settings.kafka.bootstrap_servers is not set" -}}
{{- end -}}
{{- if not ($keda.lagRecords.consumerGroup | default $kafka.group_id) -}}
{{- $problems = append $problems "keda.lagRecords.consumerGroup: is required where kafkaSidecar.settings.kafka.group_id is not set" -}}
{{- end -}}
{{- if not (include "kafka-sidecar.scaledTopics" . | fromJsonArray) -}}
{{- $problems = append $problems "keda.lagRecords.topics: is required where kafkaSidecar.settings.topics names none (a pattern is not a name)" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- $lines := list "\nkafka-sidecar: this cannot work:" -}}
{{- range $problems -}}
{{- $lines = append $lines (printf "  %s" .) -}}
{{- end -}}
{{- fail (join "\n" $lines) -}}
{{- end -}}
{{- end -}}
