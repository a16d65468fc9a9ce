{{/* In the umbrella chart the chart's name is the alias, so this is wayfare-pricing-api. */}}
{{- define "service.fullname" -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* What never changes during the life of a Deployment. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
{{ include "service.origin" . }}
{{- end }}

{{- define "service.origin" -}}
app.kubernetes.io/part-of: wayfare
app.kubernetes.io/version: {{ include "service.tag" . | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "service.tag" -}}
{{ .Values.global.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "service.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "service.fullname" .) }}
{{- end }}

{{/* dict root, image: one of Wayfare's images by its name, or any image by its repository. */}}
{{- define "service.image" -}}
{{- $given := .image -}}
{{- $ours := .root.Values.global.image -}}
{{- if $given.repository -}}
{{ $given.repository }}{{ with $given.tag }}:{{ . }}{{ end }}{{ with $given.digest }}@{{ . }}{{ end }}
{{- else -}}
{{ $ours.registry }}/wayfare/{{ required "image.name or image.repository says what runs" $given.name }}:{{ include "service.tag" .root }}
{{- with get $ours.digests $given.name }}@{{ . }}{{ end }}
{{- end -}}
{{- end }}
