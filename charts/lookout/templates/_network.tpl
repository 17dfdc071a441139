{{/*
Where an edge leads, as JSON: {peers, port}; nothing where it is not used. Takes a list: root, the edge's `to`.
*/}}
{{- define "lookout.destination" -}}
{{- $root := index . 0 }}
{{- $to := index . 1 }}
{{- $values := $root.Values }}
{{- $stores := dict "keyring" "valkey" "qdrant" "qdrant" "database" "postgresql" }}
{{- $section := dict "kafka" $values.kafka "keyring" $values.keyring "registry" $values.registry "qdrant" $values.gallery "database" $values.database "identity" $values.console.identity "notifications" $values.console.notifications "anchors" $values.anchors "dns" $values.dns "traces" $values.traces }}
{{- $used := dict "kafka" true "keyring" true "registry" (ne $values.registry.url "") "qdrant" (eq $values.gallery.kind "server") "database" $values.services.console.enabled "identity" (not (empty $values.console.identity.peers)) "notifications" (not (empty $values.console.notifications.peers)) "anchors" (ne $values.anchors.webhook.existingSecret "") "dns" true "traces" (ne $values.traces.endpoint "") }}
{{- if index $used $to }}
{{- $store := dig $to "" $stores }}
{{- if and $store (index $values.inChart (default "valkey" $store)).enabled }}
{{- $labels := merge (include "lookout.selector" $root | fromYaml) (dict "app.kubernetes.io/component" $store) }}
{{- $ports := dict "valkey" 6379 "qdrant" 6333 "postgresql" 5432 }}
{{- dict "peers" (list (dict "podSelector" (dict "matchLabels" $labels))) "port" (index $ports $store) "store" $store | toJson }}
{{- else }}
{{- $found := index $section $to }}
{{- /* An empty list of peers would allow every address there is. */}}
{{- if empty $found.peers }}
{{- fail (printf "%s is used, so its peers must say where it is (a NetworkPolicy without peers would allow every address)" $to) }}
{{- end }}
{{- dict "peers" $found.peers "port" $found.port | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/* Components that exist in this release, as a JSON list: services that run, and jobs. */}}
{{- define "lookout.components" -}}
{{- $found := list }}
{{- range include "lookout.workloads" . | fromYamlArray }}{{ $found = append $found .service }}{{ end }}
{{- if and .Values.topics.job (not .Values.topics.strimzi.topics) }}{{ $found = append $found "topics" }}{{ end }}
{{- if and .Values.migrations.job .Values.services.console.enabled }}{{ $found = append $found "migrations" }}{{ end }}
{{- $found | uniq | toJson }}
{{- end }}

{{/* Ports of a rule. TCP; names are asked for over both. Takes a list: to, port. */}}
{{- define "lookout.ports" -}}
- {protocol: TCP, port: {{ index . 1 }}}
{{- if eq (index . 0) "dns" }}
- {protocol: UDP, port: {{ index . 1 }}}
{{- end }}
{{- end }}
