{{/* EXPR of the sidecars that are watched, with the label group: the info metric has it, and the selector picks by it. */}}
{{- define "kafka-sidecar.of" -}}
{{- $selector := .root.Values.alerts.selector -}}
{{ .expr }} * on (job, instance) group_left (group) sidecar_config_info{{ with $selector }}{ {{- . -}} }{{ end }}
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
{{- $budget := printf "(1 - %v)" .objective -}}
{{- range $i, $pair := .windows }}
{{- if $i }}
or
{{ end -}}
(
  {{ $bad }}{{ $pair.long }} > {{ $pair.burn }} * {{ $budget }}
  and
  {{ $bad }}{{ $pair.short }} > {{ $pair.burn }} * {{ $budget }}
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

{{/* A duration of one number and one unit, as Prometheus writes it, in seconds. */}}
{{- define "kafka-sidecar.seconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $seconds := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 -}}
{{- if not (and (regexMatch "^[0-9]+[a-z]+$" .) (hasKey $seconds $unit)) -}}
{{- fail (printf "alerts.rules.partitionStuck.window: %q is not a number and one of the units s, m, h, d, w" .) -}}
{{- end -}}
{{ mul (trimSuffix $unit . | int) (get $seconds $unit) }}
{{- end -}}

{{/* Fails where what counts as late is no bound of the buckets: the rules would find nothing, and say nothing. */}}
{{- define "kafka-sidecar.checkFreshness" -}}
{{- $bounds := splitList " " "0.05 0.1 0.25 0.5 1 2.5 5 10 30 60 120 300 600 1800 3600 14400 86400" -}}
{{- $seconds := toString .Values.alerts.rules.freshnessBudgetBurn.seconds -}}
{{- if not (has $seconds $bounds) -}}
{{- fail (printf "alerts.rules.freshnessBudgetBurn.seconds: %s is no bound of the buckets of sidecar_record_age_seconds: choose one of %s" $seconds (join ", " $bounds)) -}}
{{- end -}}
{{- end -}}
