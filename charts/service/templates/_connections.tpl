{{/*
What a process is told of what it talks to. dict root, values (of a container).
Secrets are referred to by name: a password is never a value of the chart.
*/}}
{{- define "service.connections.env" -}}
{{- $global := .root.Values.global -}}
{{- $release := .root.Release.Name -}}
{{- range .values.talksTo }}
{{- if eq . "kafka" }}
- {name: WAYFARE_KAFKA_BOOTSTRAP, value: {{ $global.kafka.bootstrap | quote }}}
- {name: WAYFARE_KAFKA_SECURITY_PROTOCOL, value: {{ $global.kafka.securityProtocol | quote }}}
{{- with $global.kafka.saslMechanism }}
- {name: WAYFARE_KAFKA_SASL_MECHANISM, value: {{ . | quote }}}
{{- end }}
{{- with $global.kafka.existingSecret }}
{{- if $global.kafka.username }}
- {name: WAYFARE_KAFKA_USERNAME, value: {{ $global.kafka.username | quote }}}
{{- else }}
{{ include "service.secretEnv" (dict "name" "WAYFARE_KAFKA_USERNAME" "secret" . "key" "username") }}
{{- end }}
{{ include "service.secretEnv" (dict "name" "WAYFARE_KAFKA_PASSWORD" "secret" . "key" "password") }}
{{- end }}
{{- if $global.kafka.ca.existingSecret }}
- {name: WAYFARE_KAFKA_CA_FILE, value: /etc/wayfare/ca/kafka/ca.crt}
{{- end }}
{{- else if eq . "redis" }}
{{- if $global.redis.existingSecret }}
{{ include "service.secretEnv" (dict "name" "WAYFARE_REDIS_URL" "secret" $global.redis.existingSecret "key" "url") }}
{{- else }}
- {name: WAYFARE_REDIS_URL, value: {{ required "global.redis.existingSecret names the secret whose key `url` says where Redis is" $global.redis.url | quote }}}
{{- end }}
{{- else if eq . "cassandra" }}
- {name: WAYFARE_CASSANDRA_HOSTS, value: {{ $global.cassandra.hosts | quote }}}
- {name: WAYFARE_CASSANDRA_KEYSPACE, value: {{ $global.cassandra.keyspace | quote }}}
{{- with $global.cassandra.existingSecret }}
{{ include "service.secretEnv" (dict "name" "WAYFARE_CASSANDRA_USERNAME" "secret" . "key" "username") }}
{{ include "service.secretEnv" (dict "name" "WAYFARE_CASSANDRA_PASSWORD" "secret" . "key" "password") }}
{{- end }}
{{- if $global.cassandra.ca.existingSecret }}
- {name: WAYFARE_CASSANDRA_CA_FILE, value: /etc/wayfare/ca/cassandra/ca.crt}
{{- end }}
{{- else if eq . "artifacts" }}
- {name: WAYFARE_ARTIFACT_STORE, value: {{ $global.artifacts.url | quote }}}
- {name: AWS_MAX_ATTEMPTS, value: {{ $global.artifacts.attempts | quote }}}
{{- with $global.artifacts.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with $global.artifacts.region }}
- {name: AWS_DEFAULT_REGION, value: {{ . | quote }}}
{{- end }}
{{- with $global.artifacts.existingSecret }}
{{ include "service.secretEnv" (dict "name" "AWS_ACCESS_KEY_ID" "secret" . "key" "AWS_ACCESS_KEY_ID") }}
{{ include "service.secretEnv" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" . "key" "AWS_SECRET_ACCESS_KEY") }}
{{- end }}
{{- if $global.artifacts.ca.existingSecret }}
- {name: AWS_CA_BUNDLE, value: /etc/wayfare/ca/artifacts/ca.crt}
{{- end }}
{{- else if eq . "model-server" }}
{{- /* Clients go round the pods that are ready; the publisher must see those that are not yet, too. */}}
- name: WAYFARE_MODEL_SERVER
  value: {{ ternary (printf "%s-model-server-peers:8500" $release) (printf "dns:///%s-model-server-headless:8500" $release) (eq $.values.module "services.publisher.main") }}
{{- if $global.modelServer.tls.enabled }}
- {name: WAYFARE_MODEL_SERVER_CA_FILE, value: /etc/wayfare/ca/model-server/ca.crt}
{{- if $global.modelServer.tls.clientSecret }}
- {name: WAYFARE_MODEL_SERVER_CERTIFICATE_FILE, value: /etc/wayfare/client/model-server/tls.crt}
- {name: WAYFARE_MODEL_SERVER_KEY_FILE, value: /etc/wayfare/client/model-server/tls.key}
{{- end }}
{{- end }}
{{- else if eq . "events-api" }}
- {name: WAYFARE_EVENTS_URL, value: "http://{{ $release }}-events-api"}
{{- else if eq . "pricing-api" }}
- {name: WAYFARE_PRICING_URL, value: "http://{{ $release }}-pricing-api"}
{{- else if eq . "prometheus" }}
- {name: WAYFARE_PROMETHEUS_URL, value: {{ $global.monitoring.prometheusUrl | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "service.secretEnv" -}}
- {name: {{ .name }}, valueFrom: {secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key | quote }}}}}
{{- end }}

{{/*
The secrets that a container mounts, as JSON: name of the volume -> {secret, path}. dict root, values.
*/}}
{{- define "service.secretMounts" -}}
{{- $global := .root.Values.global -}}
{{- $found := dict -}}
{{- $talks := .values.talksTo | default list -}}
{{- $authorities := dict "kafka" $global.kafka.ca "redis" $global.redis.ca "cassandra" $global.cassandra.ca "artifacts" $global.artifacts.ca -}}
{{- range $name, $ca := $authorities -}}
{{- if and (has $name $talks) $ca.existingSecret -}}
{{- $_ := set $found (printf "ca-%s" $name) (dict "secret" $ca.existingSecret "path" (printf "/etc/wayfare/ca/%s" $name) "items" (list (dict "key" $ca.key "path" "ca.crt"))) -}}
{{- end -}}
{{- end -}}
{{- $tls := $global.modelServer.tls -}}
{{- if and (has "model-server" $talks) $tls.enabled -}}
{{- $_ := set $found "ca-model-server" (dict "secret" $tls.ca.existingSecret "path" "/etc/wayfare/ca/model-server" "items" (list (dict "key" $tls.ca.key "path" "ca.crt"))) -}}
{{- with $tls.clientSecret -}}
{{- $_ := set $found "client-model-server" (dict "secret" . "path" "/etc/wayfare/client/model-server") -}}
{{- end -}}
{{- end -}}
{{- range .values.keys -}}
{{- if not (and (eq . "jwks") $global.jwks.url) -}}
{{- $_ := set $found (printf "keys-%s" .) (dict "secret" (get $global.keys .) "path" (printf "/etc/wayfare/keys/%s" .)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $mount := .values.secretFiles -}}
{{- if or (not (hasKey $mount "when")) (ne (tpl $mount.when $.root) "") -}}
{{- $_ := set $found $name (dict "secret" (tpl $mount.secret $.root) "path" $mount.path) -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* Where the files of keys are, as settings. dict root, values. */}}
{{- define "service.keys.env" -}}
{{- $jwks := .root.Values.global.jwks -}}
{{- $settings := dict "trusted" "WAYFARE_TRUSTED_KEYS_DIR" "quotes" "WAYFARE_QUOTE_KEYS_DIR" "publisher" "WAYFARE_PUBLISHER_KEY_FILE" "trainer" "WAYFARE_TRAINER_KEY_FILE" -}}
{{- range .values.keys }}
{{- if eq . "jwks" }}
- {name: WAYFARE_JWKS, value: {{ $jwks.url | default "/etc/wayfare/keys/jwks/jwks.json" | quote }}}
{{- with $jwks.issuer }}
- {name: WAYFARE_TOKEN_ISSUER, value: {{ . | quote }}}
{{- end }}
{{- else if eq . "session" }}
- {name: WAYFARE_SESSION_KEY_FILE, value: /etc/wayfare/keys/session/session.key}
{{- else if eq . "pseudonym" }}
- {name: WAYFARE_PSEUDONYM_KEY_FILE, value: /etc/wayfare/keys/pseudonym/pseudonym.key}
{{- else if eq . "token" }}
- {name: WAYFARE_SERVICE_TOKEN_FILE, value: /etc/wayfare/keys/token/service.token}
{{- else }}
- {name: {{ get $settings . }}, value: /etc/wayfare/keys/{{ . }}}
{{- end }}
{{- end }}
{{- end }}
