{{/* The name of everything of this release. */}}
{{- define "kafka-sidecar.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What does not change from version to version: for selectors. */}}
{{- define "kafka-sidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "kafka-sidecar.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "kafka-sidecar.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The metadata of an object; `labels` are more of them. */}}
{{- define "kafka-sidecar.metadata" -}}
name: {{ include "kafka-sidecar.fullname" .root }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- mergeOverwrite (include "kafka-sidecar.labels" .root | fromYaml) .root.Values.commonLabels (.labels | default dict) | toYaml | nindent 2 }}
{{- with .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What KEDA scales. */}}
{{- define "kafka-sidecar.scaleTarget" -}}
{{- .Values.keda.target.name | default (include "kafka-sidecar.fullname" .) -}}
{{- end -}}

{{/*
How many seconds the group is behind. The number of pods stays (it is the threshold itself) while the breaker is open, since
more pods would only knock at the same door, and while no pod says anything, since lag is then unknown, not zero.
*/}}
{{- define "kafka-sidecar.lagSecondsQuery" -}}
{{- $own := printf "namespace=%q,pod=~\"%s-.+\"" .Release.Namespace (include "kafka-sidecar.scaleTarget" .) -}}
{{- $series := .Values.keda.lagSeconds.selector | default $own -}}
max(sidecar_lag_seconds{ {{- $series -}} }) unless on() (max(sidecar_breaker_state{ {{- $series -}} ,state="open"}) == 1) or on() vector({{ toJson .Values.keda.lagSeconds.threshold }})
{{- end -}}

{{/* The topics that KEDA asks for, as JSON: a pattern is none that it could ask for. */}}
{{- define "kafka-sidecar.scaledTopics" -}}
{{- $topics := .Values.keda.lagRecords.topics | default (.Values.kafkaSidecar.settings.topics | default list) -}}
{{- if kindIs "string" $topics -}}
{{- $topics = splitList "," (nospace $topics) -}}
{{- end -}}
{{- $names := list -}}
{{- range $topics -}}
{{- if not (hasPrefix "^" .) -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
