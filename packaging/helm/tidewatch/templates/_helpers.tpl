{{- define "tidewatch.name" -}}
{{- if contains "tidewatch" .Release.Name }}{{ printf "%s-exporter" .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-tidewatch-exporter" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tidewatch.labels" -}}
app.kubernetes.io/name: tidewatch-exporter
app.kubernetes.io/part-of: tidewatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tidewatch.selector" -}}
app.kubernetes.io/name: tidewatch-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ ternary "node" "central" (eq .Values.mode "daemonset") }}
{{- end }}

{{- define "tidewatch.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "tidewatch.onNode" -}}
{{- if and (eq .Values.mode "daemonset") .Values.state.hostPath }}true{{ end }}
{{- end }}
