{{- /* A sentence about another release that serves a namespace of this one; empty without one, or without a cluster
to ask. Only what this release makes itself is looked at: who installs it may read that. */ -}}
{{- define "sirocco.otherReleases" -}}
{{- $api := "rbac.authorization.k8s.io/v1" }}
{{- $roles := list }}
{{- range .Values.watchNamespaces }}
{{- $roles = concat $roles ((lookup $api "Role" . "").items | default list) }}
{{- end }}
{{- if not .Values.watchNamespaces }}
{{- $roles = (lookup $api "Role" "" "").items | default list }}
{{- end }}
{{- if or .Values.crds.install .Values.rbac.aggregate (not .Values.watchNamespaces) }}
{{- $roles = concat $roles ((lookup $api "ClusterRole" "" "").items | default list) }}
{{- end }}
{{- $found := list }}
{{- range $roles }}
{{- $labels := .metadata.labels | default dict }}
{{- $release := index $labels "app.kubernetes.io/instance" | default "" }}
{{- $at := index (.metadata.annotations | default dict) "meta.helm.sh/release-namespace" | default "" }}
{{- $operators := and (eq (index $labels "app.kubernetes.io/name" | default "") "sirocco-operator") (eq .metadata.name (printf "%s-operator" $release)) }}
{{- if and $operators (not (and (eq $release $.Release.Name) (eq $at $.Release.Namespace))) }}
{{- $where := "every namespace" }}
{{- with .metadata.namespace }}{{ $where = printf "namespace %s" . }}{{ end }}
{{- $found = append $found (printf "the operator of release %s%s serves %s already" $release (ternary "" (printf " in namespace %s" $at) (empty $at)) $where) }}
{{- end }}
{{- end }}
{{- join "; " $found -}}
{{- end }}

{{- /* Those of watchNamespaces that do not exist, by commas; empty without a cluster to ask. */ -}}
{{- define "sirocco.missingNamespaces" -}}
{{- $missing := list }}
{{- if and .Values.watchNamespaces (lookup "v1" "Namespace" "" .Release.Namespace) }}
{{- range .Values.watchNamespaces }}
{{- if not (lookup "v1" "Namespace" "" .) }}
{{- $missing = append $missing . }}
{{- end }}
{{- end }}
{{- end }}
{{- join "," $missing -}}
{{- end }}
