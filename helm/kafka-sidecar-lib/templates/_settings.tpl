{{/*
The settings as environment variables: `settings` and `secrets` are trees, whose paths are the names.
*/}}

{{/* Put every value of the tree `from` into the map `into`, by its name. */}}
{{- define "kafka-sidecar-lib.flatten" -}}
{{- $call := . -}}
{{- range $key, $value := .from -}}
{{- $name := printf "%s%s" $call.prefix (upper $key) -}}
{{- if and (kindIs "map" $value) (not (hasKey $value "secret")) -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" $value "prefix" (printf "%s__" $name) "into" $call.into) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $call.into $name $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A value as text: a list of words with commas between them, a number with all of its digits. */}}
{{- define "kafka-sidecar-lib.text" -}}
{{- if kindIs "string" . -}}
{{- . -}}
{{- else if kindIs "slice" . -}}
{{- join "," . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* The map of all SIDECAR_ variables with their text, as JSON. */}}
{{- define "kafka-sidecar-lib.environment" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- $all := dict
  "SIDECAR_DRAIN_MARKER" "/run/kafka-sidecar/drain"
  "SIDECAR_GRACE_PERIOD" (printf "%ss" (toJson $values.terminationGracePeriodSeconds)) -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" $values.settings "prefix" "SIDECAR_" "into" $all) -}}
{{- $secrets := dict -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" $values.secrets "prefix" "SIDECAR_" "into" $secrets) -}}
{{- range $name, $_ := $secrets -}}
{{- $wantsPath := regexMatch "^SIDECAR_(KAFKA__.*_(LOCATION|KEYTAB)|WRITER__(TLS_(CA|CERT|KEY)|TOKEN_FILE))$" $name -}}
{{- $_ := set $all (ternary $name (printf "%s_FILE" $name) $wantsPath) (printf "/run/secrets/kafka-sidecar/%s" $name) -}}
{{- end -}}
{{- range $name, $value := $all -}}
{{- $_ := set $all $name (include "kafka-sidecar-lib.text" $value) -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* The projected volume's sources: a Secret once, with all of its keys that are used. */}}
{{- define "kafka-sidecar-lib.secretSources" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
{{- $secrets := dict -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" $values.secrets "prefix" "SIDECAR_" "into" $secrets) -}}
{{- $items := dict -}}
{{- range $name, $where := $secrets -}}
{{- $item := dict "key" $where.key "path" $name -}}
{{- $_ := set $items $where.secret (append (get $items $where.secret | default list) $item) -}}
{{- end -}}
{{- $sources := list -}}
{{- range $secret, $its := $items -}}
{{- $sources = append $sources (dict "secret" (dict "name" $secret "items" $its)) -}}
{{- end -}}
{{- with $sources -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
