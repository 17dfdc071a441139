{{/*
Files that a workload is given out of Secrets: {name, secret, files: [{key, path, env}]}. Only the named keys are mounted.
Takes root, service, uses, facts and, of capture, set.
*/}}
{{- define "lookout.files" -}}
{{- $values := .root.Values }}
{{- $uses := .uses }}
{{- if $uses.kafka }}
{{- $secret := include "lookout.for" (list $values.kafka.existingSecret .service) }}
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
- {{ dict "name" "kafka" "secret" $secret "files" (list (dict "key" $values.kafka.passwordKey "env" "LOOKOUT_KAFKA_PASSWORD_FILE")) | toJson }}
{{- else if eq $values.kafka.securityProtocol "SSL" }}
- {{ dict "name" "kafka" "secret" $secret "files" (list (dict "key" $values.kafka.certificateKey "env" "LOOKOUT_KAFKA_CERTIFICATE_FILE") (dict "key" $values.kafka.privateKeyKey "env" "LOOKOUT_KAFKA_KEY_FILE")) | toJson }}
{{- end }}
{{- with $values.kafka.ca.existingSecret }}
- {{ dict "name" "kafka-ca" "secret" . "files" (list (dict "key" $values.kafka.ca.key "env" "LOOKOUT_KAFKA_CA_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- if $uses.keyring }}
{{- with $values.keyring.existingSecret }}
- {{ dict "name" "keyring" "secret" . "files" (list (dict "key" (include "lookout.for" (list $values.keyring.passwordKey $.service)) "env" "LOOKOUT_KEYRING_PASSWORD_FILE")) | toJson }}
{{- end }}
{{- with $values.keyring.ca.existingSecret }}
- {{ dict "name" "keyring-ca" "secret" . "files" (list (dict "key" $values.keyring.ca.key "env" "LOOKOUT_KEYRING_CA_FILE")) | toJson }}
{{- end }}
{{- with $values.keyring.certificate.existingSecret }}
- {{ dict "name" "keyring-certificate" "secret" (include "lookout.for" (list . $.service)) "files" (list (dict "key" "tls.crt" "env" "LOOKOUT_KEYRING_CERTIFICATE_FILE") (dict "key" "tls.key" "env" "LOOKOUT_KEYRING_KEY_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- if and $uses.registry $values.registry.url }}
{{- with $values.registry.existingSecret }}
- {{ dict "name" "registry" "secret" . "files" (list (dict "key" $values.registry.passwordKey "env" "LOOKOUT_REGISTRY_PASSWORD_FILE")) | toJson }}
{{- end }}
{{- with $values.registry.ca.existingSecret }}
- {{ dict "name" "registry-ca" "secret" . "files" (list (dict "key" $values.registry.ca.key "env" "LOOKOUT_REGISTRY_CA_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- if and $uses.traces $values.traces.endpoint $values.traces.ca.existingSecret }}
- {{ dict "name" "traces-ca" "secret" $values.traces.ca.existingSecret "files" (list (dict "key" $values.traces.ca.key "env" "LOOKOUT_TRACES_CA_FILE")) | toJson }}
{{- end }}
{{- if and $uses.qdrant (eq $values.gallery.kind "server") }}
- {{ dict "name" "gallery" "secret" $values.gallery.existingSecret "files" (list (dict "key" $values.gallery.apiKeyKey "env" "LOOKOUT_MATCHING_GALLERY_API_KEY_FILE")) | toJson }}
{{- with $values.gallery.ca.existingSecret }}
- {{ dict "name" "gallery-ca" "secret" . "files" (list (dict "key" $values.gallery.ca.key "env" "LOOKOUT_MATCHING_GALLERY_CA")) | toJson }}
{{- end }}
{{- end }}
{{- if $uses.database }}
{{- with $values.database.existingSecret }}
- {{ dict "name" "database" "secret" . "files" (list (dict "key" $values.database.passwordKey "env" "LOOKOUT_CONSOLE_DATABASE_PASSWORD_FILE")) | toJson }}
{{- end }}
{{- with $values.database.ca.existingSecret }}
- {{ dict "name" "database-ca" "secret" . "files" (list (dict "key" $values.database.ca.key "env" "LOOKOUT_CONSOLE_DATABASE_CA_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- with .set }}
- {{ dict "name" "cameras" "secret" .existingSecret "files" (list (dict "key" (default "cameras" .key) "env" "LOOKOUT_CAPTURE_CAMERAS_FILE")) | toJson }}
{{- end }}
{{- if and $uses.anchors $values.anchors.webhook.existingSecret }}
- {{ dict "name" "anchor" "secret" $values.anchors.webhook.existingSecret "files" (list (dict "key" $values.anchors.webhook.urlKey "env" "LOOKOUT_KEEPER_ANCHOR_WEBHOOK_URL_FILE") (dict "key" $values.anchors.webhook.tokenKey "env" "LOOKOUT_KEEPER_ANCHOR_WEBHOOK_SECRET_FILE")) | toJson }}
{{- end }}
{{- if eq .service "console" }}
{{- with $values.console.tls.existingSecret }}
- {{ dict "name" "pages" "secret" . "files" (list (dict "key" "tls.crt" "env" "LOOKOUT_CONSOLE_CERTIFICATE_FILE") (dict "key" "tls.key" "env" "LOOKOUT_CONSOLE_CERTIFICATE_KEY_FILE")) | toJson }}
{{- end }}
{{- with $values.console.identity }}
{{- if .existingSecret }}
- {{ dict "name" "identity" "secret" .existingSecret "files" (list (dict "key" .key "env" "LOOKOUT_CONSOLE_OIDC_CLIENT_SECRET_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- with $values.console.notifications.channels }}
{{- if .existingSecret }}
- {{ dict "name" "channels" "secret" .existingSecret "files" (list (dict "key" .key "env" "LOOKOUT_CONSOLE_CHANNELS_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- with $values.console.notifications.push }}
{{- if .existingSecret }}
- {{ dict "name" "push" "secret" .existingSecret "files" (list (dict "key" .key "env" "LOOKOUT_CONSOLE_PUSH_KEY_FILE")) | toJson }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (ne .facts.vault "none") $uses.kafka }}
- {{ dict "name" "vault-secret" "secret" $values.vault.existingSecret "files" (list (dict "key" $values.vault.key "env" "LOOKOUT_VAULT_SECRET_FILE")) | toJson }}
{{- end }}
{{- with $values.outgoingCa.existingSecret }}
- {{ dict "name" "outgoing-ca" "secret" . "files" (list (dict "key" $values.outgoingCa.key "env" "SSL_CERT_FILE")) | toJson }}
{{- end }}
{{- end }}

{{/* One entry of an environment. Takes a list: name, value. Numbers and lists go as JSON, which prints no exponents. */}}
{{- define "lookout.variable" -}}
{{- $value := index . 1 }}
- name: {{ index . 0 }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}

{{/* Settings under a prefix. Takes a list: the prefix, a map of settings. */}}
{{- define "lookout.variables" -}}
{{- $prefix := index . 0 }}
{{- range $name, $value := index . 1 }}
{{- include "lookout.variable" (list (printf "%s%s" $prefix (upper $name)) $value) }}
{{- end }}
{{- end }}

{{- define "lookout.keyring.url" -}}
{{- $values := .root.Values }}
{{- if $values.inChart.valkey.enabled -}}
redis://{{ include "lookout.fullname" .root }}-valkey:6379
{{- else -}}
{{ $values.keyring.url }}
{{- end }}
{{- end }}

{{/* The environment of a workload or job. Same scope as lookout.files. */}}
{{- define "lookout.environment" -}}
{{- $values := .root.Values }}
{{- $uses := .uses }}
{{- range include "lookout.files" . | fromYamlArray }}
{{- $folder := printf "/etc/lookout/%s" .name }}
{{- range .files }}
{{- if .env }}
{{- include "lookout.variable" (list .env (printf "%s/%s" $folder .key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $uses.kafka }}
- name: LOOKOUT_INSTANCE
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- include "lookout.variable" (list "LOOKOUT_KAFKA_BOOTSTRAP" $values.kafka.bootstrap) }}
{{- include "lookout.variable" (list "LOOKOUT_KAFKA_SECURITY_PROTOCOL" $values.kafka.securityProtocol) }}
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
{{- include "lookout.variable" (list "LOOKOUT_KAFKA_SASL_MECHANISM" $values.kafka.saslMechanism) }}
{{- include "lookout.variable" (list "LOOKOUT_KAFKA_USERNAME" (include "lookout.for" (list $values.kafka.username .service))) }}
{{- end }}
{{- include "lookout.variable" (list "LOOKOUT_TOPIC_PREFIX" $values.kafka.topicPrefix) }}
{{- include "lookout.variable" (list "LOOKOUT_TRUST_FILE" (printf "/etc/lookout/trust/%s" $values.trust.key)) }}
{{- include "lookout.variable" (list "LOOKOUT_VAULT_FOLDER" "/var/lib/lookout/vault") }}
{{- if eq .facts.vault "none" }}
{{- include "lookout.variable" (list "LOOKOUT_VAULT_SECRET_FILE" "/etc/lookout/vault-secret/uid") }}
{{- end }}
{{- include "lookout.variable" (list "LOOKOUT_KEYRING_URL" (include "lookout.keyring.url" .)) }}
{{- include "lookout.variables" (list "LOOKOUT_" $values.settings) }}
{{- end }}
{{- if and $uses.keyring $values.keyring.existingSecret }}
{{- include "lookout.variable" (list "LOOKOUT_KEYRING_USERNAME" (include "lookout.for" (list $values.keyring.username .service))) }}
{{- end }}
{{- if and $uses.registry $values.registry.url }}
{{- include "lookout.variable" (list "LOOKOUT_REGISTRY_URL" $values.registry.url) }}
{{- with $values.registry.username }}
{{- include "lookout.variable" (list "LOOKOUT_REGISTRY_USERNAME" .) }}
{{- end }}
{{- end }}
{{- if and $uses.traces $values.traces.endpoint }}
{{- include "lookout.variable" (list "LOOKOUT_TRACES_ENDPOINT" $values.traces.endpoint) }}
{{- end }}
{{- if .facts.models }}
{{- include "lookout.variable" (list "LOOKOUT_MODELS_FOLDER" "/var/lib/lookout/models") }}
{{- end }}
{{- if $uses.database }}
{{- include "lookout.variable" (list "LOOKOUT_CONSOLE_DATABASE_URL" (include "lookout.database.url" .root)) }}
{{- end }}
{{- end }}

{{- define "lookout.database.url" -}}
{{- if .Values.inChart.postgresql.enabled -}}
postgresql+pg8000://lookout@{{ include "lookout.fullname" . }}-postgresql/lookout
{{- else -}}
{{ .Values.database.url }}
{{- end }}
{{- end }}

{{/* What a service alone is told. Same scope, and values: the service's. */}}
{{- define "lookout.environment.own" -}}
{{- $values := .root.Values }}
{{- include "lookout.variable" (list "LOOKOUT_METRICS_HOST" "0.0.0.0") }}
{{- include "lookout.variable" (list "LOOKOUT_METRICS_PORT" 9100) }}
{{- if dig "gpu" "enabled" false .values }}
{{- include "lookout.variable" (list "LOOKOUT_ONNX_PROVIDER" "cuda") }}
{{- end }}
{{- if eq .service "matching" }}
{{- include "lookout.variable" (list "LOOKOUT_MATCHING_GALLERY" $values.gallery.kind) }}
{{- if eq $values.gallery.kind "server" }}
{{- include "lookout.variable" (list "LOOKOUT_MATCHING_GALLERY_URL" (include "lookout.gallery.url" .root)) }}
{{- else }}
{{- include "lookout.variable" (list "LOOKOUT_MATCHING_GALLERY_FOLDER" "/run/lookout/gallery") }}
{{- end }}
{{- else if eq .service "keeper" }}
{{- if $values.anchors.existingClaim }}
{{- include "lookout.variable" (list "LOOKOUT_KEEPER_ANCHOR_FOLDER" "/var/lib/lookout/anchors") }}
{{- end }}
{{- else if eq .service "console" }}
{{- include "lookout.variable" (list "LOOKOUT_CONSOLE_HOST" "0.0.0.0") }}
{{- include "lookout.variable" (list "LOOKOUT_CONSOLE_PORT" 8080) }}
{{- include "lookout.variable" (list "LOOKOUT_CONSOLE_TLS" (or (ne $values.console.tls.existingSecret "") (ne $values.console.ingress.tls.existingSecret ""))) }}
{{- include "lookout.variable" (list "LOOKOUT_CONSOLE_FIRST_LINK_FILE" "/run/lookout/first/link") }}
{{- end }}
{{- $settings := .values.settings }}
{{- with .set }}{{- $settings = merge (dict) (default dict .settings) $settings }}{{- end }}
{{- include "lookout.variables" (list (printf "LOOKOUT_%s_" (upper .service)) $settings) }}
{{- end }}

{{- define "lookout.gallery.url" -}}
{{- if .Values.inChart.qdrant.enabled -}}
https://{{ include "lookout.fullname" . }}-qdrant:6333
{{- else -}}
{{ .Values.gallery.url }}
{{- end }}
{{- end }}
