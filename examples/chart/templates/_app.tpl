{{/* The application's container: of its own, but for the hook that the sidecar gives it. */}}
{{- define "billing.app" -}}
name: billing
image: {{ .Values.image }}
ports:
  - name: http
    containerPort: 8080
readinessProbe:
  httpGet:
    path: /healthz
    port: http
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  seccompProfile:
    type: RuntimeDefault
env:
  - name: HOST
    value: 0.0.0.0
{{- with include "kafka-sidecar-lib.appLifecycle" . }}
lifecycle:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}
