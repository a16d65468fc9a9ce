{{/*
One container. dict root, name, values (see `values.yaml`, from `image` on).
*/}}
{{- define "service.container" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $values := .values -}}
- name: {{ $name }}
  image: {{ include "service.image" (dict "root" $root "image" $values.image) | quote }}
  imagePullPolicy: {{ $values.image.pullPolicy | default $root.Values.global.image.pullPolicy }}
  {{- with $values.command }}
  command: {{ toJson . }}
  {{- end }}
  {{- if $values.args }}
  args:
    {{- range $values.args }}
    - {{ tpl . $root | quote }}
    {{- end }}
  {{- else if $values.module }}
  args: ["python", "-m", {{ $values.module | quote }}]
  {{- end }}
  {{- with $values.ports }}
  ports:
    {{- range $port, $number := . }}
    - {name: {{ $port }}, containerPort: {{ int $number }}, protocol: TCP}
    {{- end }}
  {{- end }}
  {{- with include "service.env" . | fromYamlArray }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.probes }}
  {{- range $probe := list "startup" "readiness" "liveness" }}
  {{- with get $values.probes $probe }}
  {{ $probe }}Probe:
    {{- tpl (toYaml .) $root | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- with $values.preStopSeconds }}
  lifecycle: {preStop: {sleep: {seconds: {{ int . }}}}}
  {{- end }}
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    {{- include "service.restricted" $root | nindent 4 }}
  volumeMounts:
    {{- include "service.volumeMounts" . | nindent 4 }}
{{- end }}

{{/* Each name once: server-side apply refuses a list with two owners of one name. What `env` sets wins. */}}
{{- define "service.env" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- if or $values.module $values.wayfare }}
{{- $derived := concat (include "service.process.env" . | fromYamlArray) (include "service.connections.env" . | fromYamlArray) (include "service.keys.env" . | fromYamlArray) -}}
{{- range $derived }}
{{- if not (hasKey ($values.env | default dict) .name) }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := $values.env }}
{{- with tpl (toString $value) $root }}
- {name: {{ $name }}, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- range $name, $path := $values.fieldEnv }}
- {name: {{ $name }}, valueFrom: {fieldRef: {fieldPath: {{ $path }}}}}
{{- end }}
{{- range $name, $from := $values.secretEnv }}
{{ include "service.secretEnv" (dict "name" $name "secret" $from.secret "key" $from.key) }}
{{- end }}
{{- end }}

{{/* What every process is told, whatever its image says: the contract of docs/decisions/0007. dict root, name, values. */}}
{{- define "service.process.env" -}}
{{- $values := .values -}}
{{- $ports := $values.ports | default dict -}}
- {name: WAYFARE_ENV, value: {{ .root.Values.global.env }}}
- {name: WAYFARE_LOG_LEVEL, value: {{ .root.Values.global.logLevel }}}
{{- with .root.Values.global.traces }}
{{- if .endpoint }}
- {name: WAYFARE_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: WAYFARE_TRACE_SHARE, value: {{ .share | quote }}}
{{- end }}
{{- end }}
- {name: WAYFARE_STATE, value: /var/lib/wayfare}
{{- with $values.drainSeconds }}
- {name: WAYFARE_DRAIN_SECONDS, value: {{ . | quote }}}
{{- end }}
{{- range $port, $number := $ports }}
{{- if hasPrefix "admin" $port }}
- {name: WAYFARE_ADMIN_HOST, value: "0.0.0.0"}
- {name: WAYFARE_ADMIN_PORT, value: {{ $number | quote }}}
{{- else if eq $port "grpc" }}
- {name: WAYFARE_GRPC_PORT, value: {{ $number | quote }}}
{{- else if eq $port "http" }}
- {name: WAYFARE_PORT, value: {{ $number | quote }}}
{{- end }}
{{- end }}
{{- if or (hasKey $ports "http") (hasKey $ports "grpc") }}
- {name: WAYFARE_HOST, value: "0.0.0.0"}
{{- end }}
{{- if $values.cities }}
- {name: WAYFARE_CITIES_FILE, value: /etc/wayfare/cities/cities.json}
{{- end }}
{{- if $values.lake }}
- {name: WAYFARE_LAKE, value: /lake}
{{- end }}
{{- if $values.models }}
- {name: WAYFARE_MODELS_DIR, value: /models}
{{- end }}
{{- end }}

{{- define "service.volumeMounts" -}}
{{- $values := .values -}}
- {name: state-{{ .name }}, mountPath: /var/lib/wayfare}
- {name: tmp-{{ .name }}, mountPath: /tmp}
{{- if $values.cities }}
- {name: cities, mountPath: /etc/wayfare/cities, readOnly: true}
{{- end }}
{{- if $values.lake }}
- {name: lake, mountPath: /lake{{ if eq $values.lake "read" }}, readOnly: true{{ end }}}
{{- end }}
{{- if $values.models }}
- {name: models, mountPath: /models{{ if eq $values.models "read" }}, readOnly: true{{ end }}}
{{- end }}
{{- if $values.configFiles }}
- {name: files-{{ .name }}, mountPath: {{ $values.configPath }}, readOnly: true}
{{- end }}
{{- range $volume, $mount := include "service.secretMounts" . | fromJson }}
- {name: {{ $volume }}, mountPath: {{ $mount.path }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Of every container: what the Pod Security standard calls restricted, and a root that cannot be written. */}}
{{- define "service.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}
