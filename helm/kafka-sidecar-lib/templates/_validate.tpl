{{/*
Refuses what cannot work, all of it at once: each line names the value, what is wrong with it, and the mend.
The containers and the application's hook include it; nothing needs to. `kafka-sidecar manifest` says the same sentences.
*/}}
{{- define "kafka-sidecar-lib.validate" -}}
{{- $key := include "kafka-sidecar-lib.key" . -}}
{{- $call := dict "values" (index .Values $key) "root" . "problems" list -}}
{{- include "kafka-sidecar-lib.checkKubernetes" $call -}}
{{- include "kafka-sidecar-lib.checkShape" $call -}}
{{- include "kafka-sidecar-lib.checkSettings" $call -}}
{{- include "kafka-sidecar-lib.checkHooks" $call -}}
{{- include "kafka-sidecar-lib.checkTimes" $call -}}
{{- if $call.problems -}}
{{- $lines := list (printf "\n%s: this cannot work:" $key) -}}
{{- range $call.problems -}}
{{- $lines = append $lines (printf "  %s" .) -}}
{{- end -}}
{{- fail (join "\n" $lines) -}}
{{- end -}}
{{- end -}}

{{/* Add a sentence to what is wrong. */}}
{{- define "kafka-sidecar-lib.problem" -}}
{{- $_ := set .call "problems" (append .call.problems .text) -}}
{{- end -}}

{{- define "kafka-sidecar-lib.checkKubernetes" -}}
{{- $version := .root.Capabilities.KubeVersion.Version -}}
{{- if and (eq .values.shape "native") (semverCompare "<1.29-0" $version) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "shape: native needs Kubernetes 1.29 or later, and this is %s: take classic (when rendering without a cluster, tell the version by --kube-version)" $version)) -}}
{{- end -}}
{{- if and (eq .values.hooks.app "sleep") (semverCompare "<1.30-0" $version) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "hooks.app: sleep needs Kubernetes 1.30 or later, and this is %s: take none or drain (when rendering without a cluster, tell the version by --kube-version)" $version)) -}}
{{- end -}}
{{- end -}}

{{- define "kafka-sidecar-lib.checkShape" -}}
{{- if and (has .values.shape (list "inverted" "standalone")) (ne .values.hooks.app "none") -}}
{{- $why := ternary "the sidecar stops before the application anyway" "there is no application in the pod" (eq .values.shape "inverted") -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "hooks.app: %s has no place in the shape %s, where %s: take none" .values.hooks.app .values.shape $why)) -}}
{{- end -}}
{{- $listen := include "kafka-sidecar-lib.listen" .root -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\]:)" $listen -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "settings.http.listen: %s cannot be reached by the kubelet's probes: take 0.0.0.0:9877 or [::]:9877" $listen)) -}}
{{- end -}}
{{- if eq (include "kafka-sidecar-lib.port" .root) "0" -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "settings.http.listen: %s takes any free port, which no probe could know: name one" $listen)) -}}
{{- end -}}
{{- end -}}

{{/* What is required is there, and nothing is said twice. */}}
{{- define "kafka-sidecar-lib.checkSettings" -}}
{{- $call := . -}}
{{- $settings := dict -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" .values.settings "prefix" "SIDECAR_" "into" $settings) -}}
{{- $secrets := dict -}}
{{- include "kafka-sidecar-lib.flatten" (dict "from" .values.secrets "prefix" "SIDECAR_" "into" $secrets) -}}
{{- $env := list -}}
{{- range .values.env -}}
{{- $env = append $env .name -}}
{{- end -}}
{{- range $name, $where := dict "SIDECAR_TOPICS" "topics" "SIDECAR_KAFKA__BOOTSTRAP_SERVERS" "kafka.bootstrap_servers" "SIDECAR_KAFKA__GROUP_ID" "kafka.group_id" "SIDECAR_WRITER__URL" "writer.url" -}}
{{- $said := or (hasKey $settings $name) (hasKey $secrets $name) (has $name $env) (has (printf "%s_FILE" $name) $env) $call.values.envFrom -}}
{{- if not $said -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "settings.%s: is required (%s)" $where $name)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $settings -}}
{{- if regexMatch "^SIDECAR_(KAFKA__.*(PASSWORD|CLIENT_SECRET|KEY_PEM|OAUTHBEARER_EXTENSIONS)|WRITER__OAUTH_CLIENT_SECRET)$" $name -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "settings: %s is a secret: keep it in a Secret, and name that below secrets" $name)) -}}
{{- end -}}
{{- end -}}
{{- $overHttp := or (eq .values.hooks.app "drain") (eq (include "kafka-sidecar-lib.ownHook" .root) "http") -}}
{{- if and (hasKey $settings "SIDECAR_HTTP__TOKEN") (not $overHttp) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" "settings: SIDECAR_HTTP__TOKEN is a secret, and no hook needs it: keep it in a Secret, and name that below secrets") -}}
{{- end -}}
{{- if and (hasKey $secrets "SIDECAR_HTTP__TOKEN") (ne (mod (int .values.secretsMode) 8) 0) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "secretsMode: %04o lets all read SIDECAR_HTTP__TOKEN, which the sidecar refuses: write 0440, and securityContext.fsGroup: 65532 in the pod" (int .values.secretsMode))) -}}
{{- end -}}
{{- range $name, $_ := $secrets -}}
{{- if hasKey $settings $name -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "secrets: %s is set twice, by settings and by secrets: leave one of them out" $name)) -}}
{{- end -}}
{{- end -}}
{{- range $env -}}
{{- $name := trimSuffix "_FILE" . -}}
{{- if or (hasKey $settings $name) (hasKey $secrets $name) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "env: %s is set twice, by env and by %s: leave one of them out" . (ternary "settings" "secrets" (hasKey $settings $name)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A hook over HTTP comes from the node, so it needs the token. */}}
{{- define "kafka-sidecar-lib.checkHooks" -}}
{{- $call := . -}}
{{- $token := (.values.settings.http | default dict).token -}}
{{- $hooks := dict "hooks.app" (eq .values.hooks.app "drain") "hooks.own" (eq (include "kafka-sidecar-lib.ownHook" .root) "http") -}}
{{- range $name, $used := $hooks -}}
{{- if and $used (not $token) -}}
{{- $what := ternary "drain" "http" (eq $name "hooks.app") -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" $call "text" (printf "%s: %s needs settings.http.token: the kubelet sends the hook's request from the node, and takes its headers from the pod alone, never from a Secret" $name $what)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The one grace period of the pod pays for the hooks, the drain and the application's end. */}}
{{- define "kafka-sidecar-lib.checkTimes" -}}
{{- $duration := include "kafka-sidecar-lib.drainTimeout" .root -}}
{{- $drain := include "kafka-sidecar-lib.seconds" $duration | float64 -}}
{{- $app := ternary 0 (int .values.app.stopSeconds) (eq .values.shape "standalone") -}}
{{- $grace := int .values.terminationGracePeriodSeconds -}}
{{- $sum := add (ceil $drain) $app 10 -}}
{{- if gt $sum (int64 $grace) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "terminationGracePeriodSeconds: %d s is too short for %d s = settings.drain_timeout (%s) + app.stopSeconds (%d s) + 10 s: make it longer, or the drain shorter" $grace $sum $duration $app)) -}}
{{- end -}}
{{- $poll := (.values.settings.kafka | default dict).max_poll_interval_ms | default 300000 | toString | float64 -}}
{{- if ge (mulf $drain 1000) $poll -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "settings.drain_timeout: %s must be below settings.kafka.max_poll_interval_ms (%.0f ms): the group would take a member that drains for a dead one" $duration $poll)) -}}
{{- end -}}
{{- if and (eq .values.hooks.app "sleep") (gt (float64 .values.hooks.sleepSeconds) $drain) -}}
{{- include "kafka-sidecar-lib.problem" (dict "call" . "text" (printf "hooks.sleepSeconds: %d s is longer than the drain may take, settings.drain_timeout (%s): make it shorter" (int .values.hooks.sleepSeconds) $duration)) -}}
{{- end -}}
{{- end -}}
