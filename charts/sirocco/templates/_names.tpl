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

{{- define "sirocco.metricsApi.name" -}}
v1beta2.custom.metrics.k8s.io
{{- end }}

{{- /* Not empty where the operator serves custom.metrics.k8s.io: an APIService that nobody answers for would
leave every namespace that is deleted hanging in Terminating. */ -}}
{{- define "sirocco.metricsApi.served" -}}
{{- if and (eq .Values.autoscaling.provider "builtin") (not .Values.watchNamespaces) (gt (int .Values.replicas) 0) -}}
true
{{- end }}
{{- end }}

{{- /* Not empty where cert-manager makes that API's certificate. */ -}}
{{- define "sirocco.metricsApi.certManager" -}}
{{- if and (include "sirocco.metricsApi.served" .) .Values.metricsApi.certManager.enabled -}}
true
{{- end }}
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
