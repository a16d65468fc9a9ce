{{/*
The volumes of a pod. dict root, fullname, containers (name -> values), state (limits of the folders).
*/}}
{{- define "service.volumes" -}}
{{- $root := .root -}}
{{- $fullname := .fullname -}}
{{- $secrets := dict -}}
{{- $wants := dict -}}
{{- range $name, $values := .containers }}
- {name: state-{{ $name }}, emptyDir: {sizeLimit: {{ $values.stateSize | default "1Gi" }}}}
- {name: tmp-{{ $name }}, emptyDir: {sizeLimit: {{ $values.tmpSize | default "256Mi" }}}}
{{- if $values.configFiles }}
- {name: files-{{ $name }}, configMap: {name: {{ $fullname }}-files}}
{{- end }}
{{- range $want := list "cities" "lake" "models" }}
{{- if get $values $want }}{{ $_ := set $wants $want true }}{{ end }}
{{- end }}
{{- $secrets = merge $secrets (include "service.secretMounts" (dict "root" $root "values" $values) | fromJson) }}
{{- end }}
{{- if $wants.cities }}
- {name: cities, configMap: {name: {{ $root.Release.Name }}-cities}}
{{- end }}
{{- if $wants.lake }}
- {name: lake, persistentVolumeClaim: {claimName: {{ $root.Values.global.lake.existingClaim | default (printf "%s-lake" $root.Release.Name) }}}}
{{- end }}
{{- if $wants.models }}
- {name: models, emptyDir: {sizeLimit: {{ $root.Values.global.modelServer.modelsSize }}}}
{{- end }}
{{- range $volume, $mount := $secrets }}
- name: {{ $volume }}
  secret:
    secretName: {{ $mount.secret | quote }}
    defaultMode: 0440
    {{- with $mount.items }}
    items: {{ toJson . }}
    {{- end }}
{{- end }}
{{- end }}

{{/* User and group of every pod; files of volumes and secrets belong to the group. */}}
{{- define "service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
# A lake of millions of files must not be walked at every start of a pod.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Changes of what pods read from ConfigMaps roll them; what they read of Secrets they are told by rotation (docs/operate.md). */}}
{{- define "service.checksums" -}}
{{- $root := .root -}}
{{- range $name, $values := .containers }}
{{- if $values.cities }}
checksum/cities: {{ toJson $root.Values.global.cities | sha256sum }}
{{- break }}
{{- end }}
{{- end }}
{{- range $name, $values := .containers }}
{{- if $values.configFiles }}
checksum/files-{{ $name }}: {{ tpl (toJson $values.configFiles) $root | sha256sum }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The containers of this chart's pod as JSON, name -> values: the one named as the chart with its variant on top, and the
sidecars. dict root.
*/}}
{{- define "service.containers" -}}
{{- $values := .Values -}}
{{- $main := deepCopy (omit $values "sidecars" "variants" "global") -}}
{{- if $values.variant -}}
{{- $chosen := get $values.variants $values.variant | required (printf "variant is one of %s, got %s" (keys $values.variants | sortAlpha | join ", ") $values.variant) -}}
{{- /* Whole keys are replaced: half of one variant's probes would be left under the other's. */ -}}
{{- range $key, $value := $chosen -}}{{- $_ := set $main $key $value -}}{{- end -}}
{{- end -}}
{{- $all := dict .Chart.Name $main -}}
{{- range $name, $sidecar := $values.sidecars -}}
{{- $_ := set $all $name $sidecar -}}
{{- end -}}
{{ toJson $all }}
{{- end }}
