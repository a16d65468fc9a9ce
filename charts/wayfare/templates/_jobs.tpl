{{- define "wayfare.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{ include "service.origin" .root }}
{{- end }}

{{/*
The pod of a Job: steps one after the other. dict root, name (label and account), steps (list of {name, values}), automount.
*/}}
{{- define "wayfare.job.pod" -}}
{{- $root := .root -}}
{{- $containers := dict -}}
{{- range .steps }}{{ $_ := set $containers .name .values }}{{ end -}}
metadata:
  labels:
    {{- include "wayfare.labels" (dict "root" $root "name" .name) | nindent 4 }}
  annotations:
    # A step that is half done is not moved to another node by whoever tidies nodes.
    cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
spec:
  restartPolicy: Never
  serviceAccountName: {{ $root.Release.Name }}-{{ .account | default "jobs" }}
  automountServiceAccountToken: {{ .automount | default false }}
  enableServiceLinks: false
  {{- with $root.Values.global.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "service.podSecurity" $root | nindent 4 }}
  {{- with initial .steps }}
  initContainers:
    {{- range . }}
    {{- include "service.container" (dict "root" $root "name" .name "values" .values) | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- with last .steps }}
    {{- include "service.container" (dict "root" $root "name" .name "values" .values) | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "service.volumes" (dict "root" $root "fullname" $root.Release.Name "containers" $containers) | nindent 4 }}
{{- end }}

{{/* The step that trains a city, as JSON. dict root, city, mode. */}}
{{- define "wayfare.training.step" -}}
{{- $values := deepCopy .root.Values.training.container -}}
{{- if eq .mode "spark-submit" -}}
{{- $_ := set $values "args" (include "wayfare.spark.submit" . | fromYamlArray) -}}
{{- $_ := set $values "fieldEnv" (dict "POD_NAME" "metadata.name" "SPARK_DRIVER_BIND_ADDRESS" "status.podIP") -}}
{{- $_ := set $values "configPath" "/etc/spark" -}}
{{- $_ := set $values "configFiles" (dict "executor.yaml" (include "wayfare.spark.executor" .root)) -}}
{{- $_ := set $values "ports" (dict "driver" 7078 "blocks" 7079) -}}
{{- else -}}
{{- $_ := set $values "args" (list "python" "-m" "pipelines.surge.main" .city) -}}
{{- end -}}
{{ toJson (dict "name" "train" "values" $values) }}
{{- end }}

{{- define "wayfare.publish.step" -}}
{{- $training := .root.Values.training -}}
{{- $values := deepCopy $training.publisher -}}
{{- $_ := set $values "args" (list "wayfare" "publish" (printf "surge-%s" .city) "--label" $training.label "--wait" "600") -}}
{{ toJson (dict "name" "publish" "values" $values) }}
{{- end }}

{{/* Steps of one run of training as JSON. dict root, city, mode. */}}
{{- define "wayfare.training.steps" -}}
{{- $steps := list (include "wayfare.training.step" . | fromJson) -}}
{{- if .root.Values.training.publish -}}
{{- $steps = append $steps (include "wayfare.publish.step" . | fromJson) -}}
{{- end -}}
{{ toJson $steps }}
{{- end }}

{{/* The whole name of a CronJob leaves room for what its Jobs append. dict root, city, what. */}}
{{- define "wayfare.training.name" -}}
{{ printf "%s-%s-%s" .root.Release.Name .what .city | trunc 52 | trimSuffix "-" }}
{{- end }}
