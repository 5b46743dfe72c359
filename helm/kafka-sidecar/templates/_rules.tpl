{{/* The matchers of the sidecars that are watched: those of the release's namespace unless values say otherwise. */}}
{{- define "kafka-sidecar.selector" -}}
{{ .Values.alerts.selector | default (printf `namespace="%s"` .Release.Namespace) }}
{{- end -}}

{{/* EXPR of the sidecars that are watched, with the label group: the info metric has it, and the selector picks by it. */}}
{{- define "kafka-sidecar.of" -}}
{{ .expr }} * on (job, instance) group_left (group) sidecar_config_info{ {{- include "kafka-sidecar.selector" .root -}} }
{{- end -}}

{{/* FUNCTION (rate or increase) over WINDOW of the drops that nobody wants: by overload where the topic is not among alerts.mayShed, and poison. */}}
{{- define "kafka-sidecar.lost" -}}
{{- with .root.Values.alerts.mayShed -}}
{{- $topics := join "|" . | quote -}}
({{ $.function }}(sidecar_records_dropped_total{intent=~"overload|poison", topic!~{{ $topics }}}[{{ $.window }}]) or {{ $.function }}(sidecar_records_dropped_total{intent="poison", topic=~{{ $topics }}}[{{ $.window }}]))
{{- else -}}
{{ .function }}(sidecar_records_dropped_total{intent=~"overload|poison"}[{{ .window }}])
{{- end -}}
{{- end -}}

{{/* The rate over WINDOW of the records that came to an end, by BY: of those, never of what was polled, which is other records and may be fewer, something is a share. */}}
{{- define "kafka-sidecar.ended" -}}
{{- $by := printf "sum by (%s)" .by -}}
(
{{- range $n, $end := list "delivered" "dead_lettered" "dropped" }}
  {{- if $n }}
  +
  {{- end }}
  {{ $by }} (
    {{ include "kafka-sidecar.of" (dict "root" $.root "expr" (printf "rate(sidecar_records_%s_total[%s])" $end $.window)) }}
  )
{{- end }}
)
{{- end -}}

{{/* What every alert has, up to and with the annotation runbook_url. */}}
{{- define "kafka-sidecar.alert" -}}
for: {{ .rule.for }}
labels:
  severity: {{ .rule.severity }}
  {{- with .root.Values.alerts.alertLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  runbook_url: {{ printf "%s/KafkaSidecar%s.md" (trimSuffix "/" .root.Values.alerts.runbookUrl) .name | quote }}
{{- end -}}

{{/* Whether the share BAD burns the budget of OBJECTIVE too fast, by both windows of one of the pairs. */}}
{{- define "kafka-sidecar.burn" -}}
{{- $bad := .bad -}}
{{- $chosen := .chosen -}}
{{- $budget := printf "(1 - %v)" .objective -}}
{{- range $i, $pair := .windows }}
{{- if $i }}
or
{{ end -}}
(
  {{ $bad }}{{ $pair.long }}{{ $chosen }} > {{ $pair.burn }} * {{ $budget }}
  and
  {{ $bad }}{{ $pair.short }}{{ $chosen }} > {{ $pair.burn }} * {{ $budget }}
)
{{- end -}}
{{- end -}}

{{/* Every window of a budget, once, as a list in JSON. */}}
{{- define "kafka-sidecar.windows" -}}
{{- $windows := list -}}
{{- range . -}}
{{- range .windows -}}
{{- $windows = append (append $windows .long) .short -}}
{{- end -}}
{{- end -}}
{{ $windows | uniq | toJson }}
{{- end -}}

{{/* A duration of one number and one unit, which is what the schema lets through, in seconds. */}}
{{- define "kafka-sidecar.seconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $seconds := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 -}}
{{ mul (trimSuffix $unit . | int) (get $seconds $unit) }}
{{- end -}}
