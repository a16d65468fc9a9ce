{{/* Training by the Spark operator. dict root, city. */}}
{{- define "wayfare.spark.application" }}
{{- $root := .root }}
{{- $training := $root.Values.training }}
{{- $values := $training.container }}
{{- $executors := $training.executors }}
{{- $container := dict "root" $root "name" "train" "values" $values }}
{{- $image := include "service.image" (dict "root" $root "image" $values.image) }}
---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: ScheduledSparkApplication
metadata:
  name: {{ include "wayfare.training.name" (dict "root" $root "what" "train" "city" .city) }}
  labels:
    {{- include "wayfare.labels" (dict "root" $root "name" "training") | nindent 4 }}
spec:
  schedule: {{ $training.schedule | quote }}
  timeZone: {{ $training.timeZone }}
  suspend: {{ $training.suspend }}
  concurrencyPolicy: Forbid
  template:
    type: Python
    pythonVersion: "3"
    mode: cluster
    sparkVersion: {{ $training.sparkVersion | quote }}
    image: {{ $image | quote }}
    imagePullPolicy: {{ $root.Values.global.image.pullPolicy }}
    {{- with $root.Values.global.image.pullSecrets }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    mainApplicationFile: local://{{ include "wayfare.spark.program" . }}
    arguments: [{{ .city | quote }}]
    restartPolicy: {type: OnFailure, onFailureRetries: {{ $training.retries }}, onFailureRetryInterval: 60}
    sparkConf:
      {{- include "wayfare.spark.settings" . | fromJson | toYaml | nindent 6 }}
    volumes:
      {{- include "service.volumes" (dict "root" $root "fullname" $root.Release.Name "containers" (dict "train" $values)) | nindent 6 }}
      - {name: tmp-executor, emptyDir: {sizeLimit: 2Gi}}
      - {name: state-executor, emptyDir: {sizeLimit: 1Gi}}
    driver:
      coreRequest: {{ $values.resources.requests.cpu | quote }}
      # Spark's Java process; TensorFlow beside it has what the overhead adds up to the limit.
      memory: {{ $executors.memory }}
      memoryOverhead: {{ $training.driverMemoryOverhead }}
      serviceAccount: {{ $root.Release.Name }}-training
      labels:
        {{- include "wayfare.labels" (dict "root" $root "name" "training") | nindent 8 }}
      podSecurityContext:
        {{- include "service.podSecurity" $root | nindent 8 }}
      securityContext:
        {{- include "service.restricted" $root | nindent 8 }}
      env:
        {{- include "service.env" $container | nindent 8 }}
      volumeMounts:
        {{- include "service.volumeMounts" $container | nindent 8 }}
    executor:
      image: {{ include "service.image" (dict "root" $root "image" $executors.image) | quote }}
      instances: {{ $executors.instances }}
      cores: {{ $executors.cores }}
      memory: {{ $executors.memory }}
      memoryOverhead: {{ $executors.memoryOverhead }}
      labels:
        {{- include "wayfare.labels" (dict "root" $root "name" "training-executor") | nindent 8 }}
      podSecurityContext:
        {{- include "service.podSecurity" $root | nindent 8 }}
      securityContext:
        {{- include "service.restricted" $root | nindent 8 }}
      volumeMounts:
        - {name: tmp-executor, mountPath: /tmp}
        - {name: state-executor, mountPath: /var/lib/wayfare}
        - {name: lake, mountPath: /lake}
{{- end }}
