{{/*
What of this chart's pod tells metrics, as JSON: a list of container, service (the inventory's name), port, number, path.
*/}}
{{- define "service.metrics" -}}
{{- $found := list -}}
{{- range $name, $values := include "service.containers" . | fromJson -}}
{{- $service := replace "-" "_" $name -}}
{{- with $values.metrics -}}
{{- $found = append $found (dict "container" $name "service" $service "port" .port "number" (get $values.ports .port) "path" .path) -}}
{{- end -}}
{{- range $port, $number := $values.ports -}}
{{- if hasPrefix "admin" $port -}}
{{- $found = append $found (dict "container" $name "service" $service "port" $port "number" $number "path" "/metrics") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* Annotations by which the agents of Datadog or CloudWatch find what tells metrics; none for the Prometheus operator. */}}
{{- define "service.collection" -}}
{{- $monitoring := .Values.global.monitoring -}}
{{- if $monitoring.enabled -}}
{{- if eq $monitoring.collector "datadog" -}}
{{- range include "service.metrics" . | fromJsonArray }}
ad.datadoghq.com/{{ .container }}.checks: {{ dict "openmetrics" (dict "init_config" dict "instances" (list (dict "openmetrics_endpoint" (printf "http://%%%%host%%%%:%d%s" (int .number) .path) "namespace" "wayfare" "metrics" (list ".+") "tags" (list (printf "service:%s" .service)) "min_collection_interval" (trimSuffix "s" $monitoring.interval | int)))) | toJson | quote }}
{{- end }}
{{- else if eq $monitoring.collector "cloudwatch" -}}
{{- /* These annotations name one port of a pod: that of the container named as the chart. */ -}}
{{- range include "service.metrics" . | fromJsonArray }}
{{- if eq .container $.Chart.Name }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ int .number | quote }}
prometheus.io/path: {{ .path | quote }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end }}
