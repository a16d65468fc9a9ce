{{- define "wayfare.ports" -}}
[{{ range $at, $port := . }}{{ if $at }}, {{ end }}{protocol: TCP, port: {{ int $port }}}{{ end }}]
{{- end }}

{{/* The installed services as JSON: name -> {talksTo, keys, ports, public, adminPorts, metricsPorts}, sidecars included. */}}
{{- define "wayfare.services" -}}
{{- $found := dict -}}
{{- range $name, $values := .Values -}}
{{- if and (kindIs "map" $values) (hasKey $values "sidecars") (get $values "enabled") -}}
{{- $main := deepCopy (omit $values "variants") -}}
{{- with $values.variant -}}
{{- range $key, $value := get $values.variants . -}}{{- $_ := set $main $key $value -}}{{- end -}}
{{- end -}}
{{- $talks := $main.talksTo | default list -}}
{{- $keys := $main.keys | default list -}}
{{- $scraped := list -}}
{{- $admin := list -}}
{{- range $container := concat (list $main) (values $values.sidecars) -}}
{{- $talks = concat $talks ($container.talksTo | default list) -}}
{{- $keys = concat $keys ($container.keys | default list) -}}
{{- range $port, $number := $container.ports -}}
{{- if hasPrefix "admin" $port -}}{{- $admin = append $admin (int $number) -}}{{- end -}}
{{- if or (hasPrefix "admin" $port) (eq $port (dig "metrics" "port" "" $container)) -}}{{- $scraped = append $scraped (int $number) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $public := ternary (get $main.ports "http") 0 (hasKey $main.ports "http") -}}
{{- $_ := set $found $name (dict "talksTo" (uniq $talks) "keys" (uniq $keys) "ports" $main.ports "public" $public "adminPorts" $admin "metricsPorts" (uniq $scraped | sortAlpha)) -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* Every connection that is allowed, as JSON: [{from, to, ports, peers, inside}]. */}}
{{- define "wayfare.edges" -}}
{{- $root := . -}}
{{- $policy := .Values.networkPolicy -}}
{{- $services := include "wayfare.services" . | fromJson -}}
{{- $callers := dict -}}
{{- range $name, $service := $services -}}{{- $_ := set $callers $name $service -}}{{- end -}}
{{- if .Values.storesPrepare.enabled -}}
{{- $_ := set $callers "stores-prepare" (dict "talksTo" .Values.storesPrepare.container.talksTo) -}}
{{- end -}}
{{- $training := dict "talksTo" (uniq (concat .Values.training.container.talksTo .Values.training.publisher.talksTo)) -}}
{{- if and .Values.training.enabled .Values.training.cities -}}{{- $_ := set $callers "training" $training -}}{{- end -}}
{{- if .Values.bootstrap.enabled -}}{{- $_ := set $callers "bootstrap" $training -}}{{- end -}}
{{- /* Features are written by whoever computes them: with executors, by each of them. */}}
{{- if and (hasKey $callers "training") (ne .Values.training.mode "local") -}}{{- $_ := set $callers "training-executor" (dict "talksTo" (list "cassandra")) -}}{{- end -}}
{{- $edges := list -}}
{{- range $from, $caller := $callers -}}
{{- range $to := $caller.talksTo -}}
{{- if hasKey $policy.stores $to -}}
{{- $store := get $policy.stores $to -}}
{{- $edges = append $edges (dict "from" $from "to" $to "ports" $store.ports "peers" $store.to "inside" false) -}}
{{- else -}}
{{- $called := get $services $to | required (printf "%s talks to a service that is not installed, got %s" $from $to) -}}
{{- $port := $called.public | default (get $called.ports "grpc") -}}
{{- $peer := dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/name" $to)) -}}
{{- $edges = append $edges (dict "from" $from "to" $to "ports" (list $port) "peers" (list $peer) "inside" true) -}}
{{- end -}}
{{- end -}}
{{- if and (has "jwks" ($caller.keys | default list)) $root.Values.global.jwks.url -}}
{{- $edges = append $edges (dict "from" $from "to" "jwks" "ports" $policy.jwks.ports "peers" $policy.jwks.to "inside" false) -}}
{{- end -}}
{{- end -}}
{{- if $root.Values.global.traces.endpoint -}}
{{- range $from, $caller := $services -}}
{{- $edges = append $edges (dict "from" $from "to" "traces" "ports" $policy.traces.ports "peers" $policy.traces.to "inside" false) -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey $callers "training") (ne $root.Values.training.mode "local") -}}
{{- $driver := dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/name" "training")) -}}
{{- $executor := dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/name" "training-executor")) -}}
{{- $edges = concat $edges (list
  (dict "from" "training" "to" "kubernetes" "ports" $policy.kubernetes.ports "peers" $policy.kubernetes.to "inside" false)
  (dict "from" "training-executor" "to" "training" "ports" (list 7078 7079) "peers" (list $driver) "inside" true)
  (dict "from" "training" "to" "training-executor" "ports" (list 7079) "peers" (list $executor) "inside" true)
  (dict "from" "training-executor" "to" "training-executor" "ports" (list 7079) "peers" (list $executor) "inside" true)) -}}
{{- end -}}
{{- if .Values.tests.enabled -}}
{{- range $to, $called := $services -}}
{{- $peer := dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/name" $to)) -}}
{{- $ports := $called.adminPorts -}}
{{- if $called.public -}}{{- $ports = append $ports $called.public -}}{{- end -}}
{{- $edges = append $edges (dict "from" "helm-test" "to" $to "ports" $ports "peers" (list $peer) "inside" true) -}}
{{- end -}}
{{- end -}}
{{ toJson $edges }}
{{- end }}
