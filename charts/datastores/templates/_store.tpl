{{- define "datastores.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: wayfare-datastores
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "datastores.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "datastores.image" -}}
{{ .repository }}:{{ .tag }}
{{- end }}

{{- define "datastores.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/*
A StatefulSet of one pod with its Service, account and fence. dict root, name, values, user, port, data (mount path, none
without data), container (YAML of what is particular), folders (name -> path of what must be writable), init, volumes.
*/}}
{{- define "datastores.store" -}}
{{- $root := .root -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- include "datastores.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    {{- include "datastores.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "datastores.selector" . | nindent 4 }}
  # Kafka and Cassandra tell clients this name, and must find themselves by it before they are ready.
  publishNotReadyAddresses: true
  clusterIP: None
  ports:
    - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  labels:
    {{- include "datastores.labels" . | nindent 4 }}
spec:
  serviceName: {{ .name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "datastores.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "datastores.labels" . | nindent 8 }}
      {{- with .checksum }}
      annotations: {checksum/config: {{ . }}}
      {{- end }}
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: false
      # A Service named kafka would give its pods variables KAFKA_PORT..., which its image takes for settings.
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      {{- with $root.Values.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: {type: RuntimeDefault}
      {{- with .init }}
      initContainers:
        - name: prepare
          image: {{ include "datastores.image" $.values.image | quote }}
          imagePullPolicy: {{ $.values.image.pullPolicy }}
          {{- . | nindent 10 }}
          resources:
            {{- toYaml $.values.resources | nindent 12 }}
          securityContext:
            {{- include "datastores.security" $ | nindent 12 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "datastores.image" .values.image | quote }}
          imagePullPolicy: {{ .values.image.pullPolicy }}
          ports:
            - {name: {{ .name }}, containerPort: {{ .port }}, protocol: TCP}
          {{- .container | nindent 10 }}
          # Formatting, replay of a log: minutes on a slow disk.
          startupProbe: {tcpSocket: {port: {{ .name }}}, periodSeconds: 2, failureThreshold: 150}
          readinessProbe: {tcpSocket: {port: {{ .name }}}, periodSeconds: 5}
          livenessProbe: {tcpSocket: {port: {{ .name }}}, periodSeconds: 20, failureThreshold: 6}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "datastores.security" . | nindent 12 }}
          volumeMounts:
            {{- if .data }}
            - {name: data, mountPath: {{ .data }}}
            {{- end }}
            {{- range $folder, $path := .folders }}
            - {name: {{ $folder }}, mountPath: {{ $path }}}
            {{- end }}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        {{- range $folder, $path := .folders }}
        - {name: {{ $folder }}, emptyDir: {sizeLimit: 1Gi}}
        {{- end }}
        {{- if and .data (not .values.persistence.enabled) }}
        - {name: data, emptyDir: {}}
        {{- end }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
  {{- if and .data .values.persistence.enabled }}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.persistence.storageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources: {requests: {storage: {{ .values.persistence.size }}}}
  {{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "datastores.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "datastores.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{protocol: TCP, port: {{ .port }}}]
      from:
        {{- toYaml $root.Values.networkPolicy.from | nindent 8 }}
  egress:
    # Kafka and Cassandra look their own names up.
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
      ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}
{{- end }}
