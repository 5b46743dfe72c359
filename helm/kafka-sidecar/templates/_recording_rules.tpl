{{/*
Recording rules, named level:metric:operations. A level is a consumer group within its namespace (and cluster, where series have that
label), or less. Around a rebalance two pods may show one partition: so the largest by partition comes first, then the sum. Series that are
folded to their topic are each pod's own, and add up.
*/}}
{{- define "kafka-sidecar.recordingRules" -}}
{{- $rules := .Values.alerts.rules -}}
{{- $chosen := printf "{%s}" (include "kafka-sidecar.selector" .) -}}
{{- $freshness := $rules.freshnessBudgetBurn -}}
{{- $loss := $rules.lossBudgetBurn -}}
- record: group_topic_partition:sidecar_lag_seconds:max
  expr: |
    max by (cluster, namespace, group, topic, partition) (
      {{ include "kafka-sidecar.of" (dict "root" . "expr" "sidecar_lag_seconds") }}
    )
- record: group_topic_partition:sidecar_lag_records:max
  expr: |
    max by (cluster, namespace, group, topic, partition) (
      {{ include "kafka-sidecar.of" (dict "root" . "expr" `sidecar_lag_records{partition!=""}`) }}
    )
    or
    sum by (cluster, namespace, group, topic) (
      {{ include "kafka-sidecar.of" (dict "root" . "expr" `sidecar_lag_records{partition=""}`) }}
    )
- record: group:sidecar_lag_seconds:max
  expr: max by (cluster, namespace, group) (group_topic_partition:sidecar_lag_seconds:max{{ $chosen }})
- record: group:sidecar_lag_records:sum
  expr: sum by (cluster, namespace, group) (group_topic_partition:sidecar_lag_records:max{{ $chosen }})
- record: group:sidecar_members:count
  expr: |
    count by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" . "expr" "sidecar_build_info") }}
    )
# Why a group may be behind without being stuck: the application, Kafka, or somebody's wish.
- record: group:sidecar_known_obstacle:max
  expr: |
    max by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" . "expr" `(1 - sidecar_breaker_state{state="closed"})`) }}
      or
      {{ include "kafka-sidecar.of" (dict "root" . "expr" "sidecar_kafka_trouble") }}
      or
      {{ include "kafka-sidecar.of" (dict "root" . "expr" `(rate(sidecar_hold_seconds_total{reason=~"app|breaker|drain|operator|quiesce"}[2m]) > bool 0)`) }}
    )
{{- range include "kafka-sidecar.windows" (list $freshness.page $freshness.ticket) | fromJsonArray }}
- record: group:sidecar_records_late:ratio_rate{{ . }}
  expr: |
    1 - (
      sum by (cluster, namespace, group) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `rate(sidecar_record_age_seconds_bucket{le=~"%v([.]0)?"}[%s])` $freshness.seconds .)) }}
      )
      /
      sum by (cluster, namespace, group) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_record_age_seconds_count[%s])" .)) }}
      )
    )
{{- end }}
{{- range include "kafka-sidecar.windows" (list $loss.page) | fromJsonArray }}
- record: group:sidecar_records_lost:ratio_rate{{ . }}
  expr: |
    (
      sum by (cluster, namespace, group) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" (include "kafka-sidecar.lost" (dict "root" $ "function" "rate" "window" .))) }}
      )
      +
      sum by (cluster, namespace, group) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_missed_offsets_total[%s])" .)) }}
      )
    )
    /
    (
      {{- include "kafka-sidecar.ended" (dict "root" $ "window" . "by" "cluster, namespace, group") | nindent 6 }}
      +
      sum by (cluster, namespace, group) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_missed_offsets_total[%s])" .)) }}
      )
    )
{{- end }}
{{- end -}}
