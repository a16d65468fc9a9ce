{{/* Where the image of executors and of a driver in cluster mode holds the program. */}}
{{- define "wayfare.spark.program" -}}
/opt/wayfare/lib/python3.11/site-packages/pipelines/surge/main.py
{{- end }}

{{/* Settings of Spark that both ways to executors share, as JSON. dict root, city. */}}
{{- define "wayfare.spark.settings" -}}
{{- $root := .root -}}
{{- $claim := $root.Values.global.lake.existingClaim | default (printf "%s-lake" $root.Release.Name) -}}
{{- $settings := dict
  "spark.sql.warehouse.dir" (printf "/lake/.warehouse/%s" .city)
  "spark.kubernetes.executor.volumes.persistentVolumeClaim.lake.options.claimName" $claim
  "spark.kubernetes.executor.volumes.persistentVolumeClaim.lake.mount.path" "/lake"
  "spark.kubernetes.executor.deleteOnTermination" "true" -}}
{{ toJson (merge (deepCopy $root.Values.training.sparkConf) $settings) }}
{{- end }}

{{/* Arguments of the image's `driver`: spark-submit in client mode, inside the Job's pod. dict root, city. */}}
{{- define "wayfare.spark.submit" -}}
{{- $root := .root -}}
{{- $executors := $root.Values.training.executors -}}
{{- $settings := dict
  "spark.kubernetes.namespace" $root.Release.Namespace
  "spark.kubernetes.container.image" (include "service.image" (dict "root" $root "image" $executors.image))
  "spark.kubernetes.container.image.pullPolicy" $root.Values.global.image.pullPolicy
  "spark.kubernetes.driver.pod.name" "$(POD_NAME)"
  "spark.driver.host" "$(SPARK_DRIVER_BIND_ADDRESS)"
  "spark.driver.port" "7078"
  "spark.driver.blockManager.port" "7079"
  "spark.blockManager.port" "7079"
  "spark.kubernetes.executor.podTemplateFile" "/etc/spark/executor.yaml"
  "spark.executor.instances" $executors.instances
  "spark.executor.cores" $executors.cores
  "spark.executor.memory" $executors.memory
  "spark.executor.memoryOverhead" $executors.memoryOverhead -}}
{{- with $root.Values.global.image.pullSecrets -}}
{{- $_ := set $settings "spark.kubernetes.container.image.pullSecrets" (join "," .) -}}
{{- end -}}
- driver
- --master
- k8s://https://kubernetes.default.svc
- --name
- train-{{ .city }}
{{- range $name, $value := merge (include "wayfare.spark.settings" . | fromJson) $settings }}
- --conf
- {{ printf "%s=%v" $name $value | quote }}
{{- end }}
- {{ include "wayfare.spark.program" . }}
- {{ .city }}
{{- end }}

{{/* What Spark starts its executors from: the rules that all pods here keep. */}}
{{- define "wayfare.spark.executor" -}}
apiVersion: v1
kind: Pod
metadata:
  labels:
    {{- include "wayfare.labels" (dict "root" . "name" "training-executor") | nindent 4 }}
spec:
  serviceAccountName: {{ .Release.Name }}-jobs
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "service.podSecurity" . | nindent 4 }}
  containers:
    - name: executor
      securityContext:
        {{- include "service.restricted" . | nindent 8 }}
      resources:
        requests: {ephemeral-storage: 1Gi}
        limits: {ephemeral-storage: 20Gi}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/wayfare}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 2Gi}}
    - {name: state, emptyDir: {sizeLimit: 1Gi}}
{{- end }}
