{{- define "sirocco.name" -}}
{{ .Release.Name }}-operator
{{- end }}

{{- define "sirocco.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "sirocco.selector" -}}
app.kubernetes.io/name: sirocco-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sirocco.labels" -}}
{{ include "sirocco.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: sirocco
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* What a pod of the restricted Pod Security level must say, for pod and container. */ -}}
{{- define "sirocco.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "sirocco.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
