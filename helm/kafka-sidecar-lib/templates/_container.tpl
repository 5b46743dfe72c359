{{/*
The container: one template for all shapes. `kafka-sidecar manifest` prints the same (sidecar/manifest), which a test compares.
*/}}
{{- define "kafka-sidecar-lib.container" -}}
{{- $values := index .Values (include "kafka-sidecar-lib.key" .) -}}
name: {{ $values.name }}
image: {{ include "kafka-sidecar-lib.image" . | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
{{- if eq $values.shape "native" }}
restartPolicy: Always
{{- end }}
args: [run]
env:
  {{- range $name, $text := include "kafka-sidecar-lib.environment" . | fromJson }}
  - name: {{ $name }}
    value: {{ $text | quote }}
  {{- end }}
  - name: TMPDIR
    value: /run/kafka-sidecar
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: kafka-sidecar
    containerPort: {{ include "kafka-sidecar-lib.port" . }}
    protocol: TCP
startupProbe:
  httpGet:
    path: /startupz
    port: kafka-sidecar
  {{- toYaml $values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: kafka-sidecar
  {{- toYaml $values.probes.liveness | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: kafka-sidecar
  {{- toYaml $values.probes.readiness | nindent 2 }}
{{- with include "kafka-sidecar-lib.ownLifecycle" . }}
lifecycle:
  {{- . | nindent 2 }}
{{- end }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $values.securityContext | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: kafka-sidecar-state
    mountPath: /run/kafka-sidecar
  {{- if include "kafka-sidecar-lib.secretSources" . }}
  - name: kafka-sidecar-secrets
    mountPath: /run/secrets/kafka-sidecar
    readOnly: true
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The sidecar's own hook: it begins the drain when the pod begins to end, before the application has gone. */}}
{{- define "kafka-sidecar-lib.ownLifecycle" -}}
{{- $hook := include "kafka-sidecar-lib.ownHook" . -}}
{{- if eq $hook "exec" -}}
preStop:
  exec:
    command: [kafka-sidecar, drain, --wait]
{{- else if eq $hook "http" -}}
preStop:
  {{- include "kafka-sidecar-lib.drainRequest" (dict "root" . "path" "/drain?terminal&wait=") | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* A hook's request to drain. The kubelet can only GET, and takes no header from a Secret. */}}
{{- define "kafka-sidecar-lib.drainRequest" -}}
{{- $values := index .root.Values (include "kafka-sidecar-lib.key" .root) -}}
httpGet:
  path: {{ printf "%s%s" .path (include "kafka-sidecar-lib.drainTimeout" .root) }}
  port: {{ include "kafka-sidecar-lib.port" .root }}
  httpHeaders:
    - name: X-Sidecar-Token
      value: {{ $values.settings.http.token | quote }}
{{- end -}}
