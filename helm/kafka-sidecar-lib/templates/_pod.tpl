{{/*
What a pod includes. Each prints nothing with `enabled: false`, and the containers fail where the values cannot work.
*/}}

{{/* An item for the pod's initContainers, for the shape native. */}}
{{- define "kafka-sidecar-lib.initContainers" -}}
{{- include "kafka-sidecar-lib.containerIn" (dict "root" . "shapes" (list "native")) -}}
{{- end -}}

{{/* An item for the pod's containers, for the other shapes. */}}
{{- define "kafka-sidecar-lib.containers" -}}
{{- include "kafka-sidecar-lib.containerIn" (dict "root" . "shapes" (list "classic" "inverted" "standalone")) -}}
{{- end -}}

{{- define "kafka-sidecar-lib.containerIn" -}}
{{- $values := index .root.Values (include "kafka-sidecar-lib.key" .root) -}}
{{- if and $values.enabled (has $values.shape .shapes) -}}
{{- include "kafka-sidecar-lib.validate" .root -}}
- {{ include "kafka-sidecar-lib.container" .root | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{/* Items for the pod's volumes. */}}
{{- define "kafka-sidecar-lib.volumes" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- if $values.enabled -}}
- name: kafka-sidecar-state
  emptyDir:
    sizeLimit: {{ $values.stateSizeLimit }}
{{- with include "kafka-sidecar-lib.secretSources" . }}
- name: kafka-sidecar-secrets
  projected:
    defaultMode: {{ toJson $values.secretsMode }}
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Labels of the pod: what the PodMonitor selects by. */}}
{{- define "kafka-sidecar-lib.labels" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- if $values.enabled -}}
kafka-sidecar: {{ $values.shape }}
{{- end -}}
{{- end -}}

{{/* Annotations of the pod: a changed configuration is a changed pod, and members of a group can be compared. */}}
{{- define "kafka-sidecar-lib.annotations" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- if $values.enabled -}}
{{- $lines := list -}}
{{- range $name, $text := include "kafka-sidecar-lib.environment" . | fromJson -}}
{{- $lines = append $lines (printf "%s=%s" $name $text) -}}
{{- end -}}
checksum/kafka-sidecar: {{ join "\n" $lines | sha256sum }}
{{- with $values.app.container }}
kubectl.kubernetes.io/default-container: {{ . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* The lifecycle of the application's container; empty with hooks.app: none. */}}
{{- define "kafka-sidecar-lib.appLifecycle" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- if $values.enabled -}}
{{- include "kafka-sidecar-lib.validate" . -}}
{{- if eq $values.hooks.app "sleep" -}}
preStop:
  sleep:
    seconds: {{ toJson $values.hooks.sleepSeconds }}
{{- else if eq $values.hooks.app "drain" -}}
preStop:
  {{- include "kafka-sidecar-lib.drainRequest" (dict "root" . "path" "/drain?wait=") | nindent 2 }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The pod's terminationGracePeriodSeconds: the number that was checked. */}}
{{- define "kafka-sidecar-lib.terminationGracePeriodSeconds" -}}
{{- toJson (index .Values (include "kafka-sidecar-lib.key" .)).terminationGracePeriodSeconds -}}
{{- end -}}
