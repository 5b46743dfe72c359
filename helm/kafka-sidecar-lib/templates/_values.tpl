{{/* What the other templates read of the values. Each takes the root context of the chart that uses the library. */}}

{{/* The key of the library's values: the alias that the documentation asks for, or the chart's own name. */}}
{{- define "kafka-sidecar-lib.key" -}}
{{- if hasKey .Values "kafkaSidecar" -}}
kafkaSidecar
{{- else if hasKey .Values "kafka-sidecar-lib" -}}
kafka-sidecar-lib
{{- else -}}
{{- fail "kafka-sidecar-lib: its values are not there: give the dependency in Chart.yaml the alias kafkaSidecar" -}}
{{- end -}}
{{- end -}}

{{- define "kafka-sidecar-lib.version" -}}
0.1.0
{{- end -}}

{{- define "kafka-sidecar-lib.image" -}}
{{- $image := (index .Values (include "kafka-sidecar-lib.key" .)).image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (include "kafka-sidecar-lib.version" .) $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The seconds of a duration as settings write it: 500ms, 25s, 5m. */}}
{{- define "kafka-sidecar-lib.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[a-z]+$" .)) -}}
{{- end -}}

{{/* The drain budget, as a duration. */}}
{{- define "kafka-sidecar-lib.drainTimeout" -}}
{{- (index .Values (include "kafka-sidecar-lib.key" .)).settings.drain_timeout | default "25s" -}}
{{- end -}}

{{/* host:port of the admin server. */}}
{{- define "kafka-sidecar-lib.listen" -}}
{{- ((index .Values (include "kafka-sidecar-lib.key" .)).settings.http | default dict).listen | default "0.0.0.0:9877" -}}
{{- end -}}

{{- define "kafka-sidecar-lib.port" -}}
{{- include "kafka-sidecar-lib.listen" . | splitList ":" | last -}}
{{- end -}}

{{/* What is done about the sidecar's own preStop hook: exec, http or none. */}}
{{- define "kafka-sidecar-lib.ownHook" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- if ne $values.hooks.own "auto" -}}
{{- $values.hooks.own -}}
{{- else -}}
{{- ternary "exec" "none" (eq $values.shape "native") -}}
{{- end -}}
{{- end -}}
