{{/* What the schema of values cannot say, because it depends on more than one of them. */}}
{{- define "lookout.checks" -}}
{{- $values := .Values }}
{{- $root := . }}
{{- $facts := .Files.Get "files/services.yaml" | fromYaml }}
{{- range $service, $of := $facts }}
{{- $own := index $values.services $service }}
{{- if $own.enabled }}
{{- if and $of.models (not $values.models.existingClaim) }}
{{- fail (printf "%s loads models: models.existingClaim must name a volume that holds them" $service) }}
{{- end }}
{{- if and (ne $of.vault "none") (not (and $values.vault.existingClaim $values.vault.existingSecret)) }}
{{- fail (printf "%s uses the vault: vault.existingClaim and vault.existingSecret must be set" $service) }}
{{- end }}
{{- if eq $of.starts "shared" }}
{{- $partitions := include "lookout.partitions" (dict "root" $root "facts" $of) | int }}
{{- if gt (int $own.replicas) $partitions }}
{{- fail (printf "services.%s.replicas is %d, but the topic %s has %d partitions: more replicas than that do nothing" $service (int $own.replicas) $of.consumes $partitions) }}
{{- end }}
{{- if gt (int $own.autoscaling.minReplicas) (int $own.autoscaling.maxReplicas) }}
{{- fail (printf "services.%s.autoscaling: minReplicas is above maxReplicas" $service) }}
{{- end }}
{{- if gt (int $own.autoscaling.minReplicas) $partitions }}
{{- fail (printf "services.%s.autoscaling.minReplicas is %d, but the topic %s has %d partitions: more replicas than that do nothing" $service (int $own.autoscaling.minReplicas) $of.consumes $partitions) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $values.services.capture.enabled }}
{{- if not $values.services.capture.sets }}
{{- fail "services.capture.sets is empty: name a set of cameras, or set services.capture.enabled to false" }}
{{- end }}
{{- $names := list }}
{{- range $values.services.capture.sets }}{{ $names = append $names .name }}{{ end }}
{{- if ne (len $names) (len (uniq $names)) }}
{{- fail "services.capture.sets: two sets have one name" }}
{{- end }}
{{- end }}
{{- if and (not $values.inChart.valkey.enabled) (not $values.keyring.url) }}
{{- fail "keyring.url must be set: nothing starts without a keyring" }}
{{- end }}
{{- if $values.services.console.enabled }}
{{- if and (not $values.inChart.postgresql.enabled) (not $values.database.url) }}
{{- fail "database.url must be set: the console keeps its store there" }}
{{- end }}
{{- if not $values.database.existingSecret }}
{{- fail "database.existingSecret must name the Secret that holds the database's password" }}
{{- end }}
{{- if and (dig "oidc_issuer" "" $values.services.console.settings) (not $values.console.identity.peers) }}
{{- fail "console.identity.peers must say where the OpenID provider is" }}
{{- end }}
{{- with $values.console.notifications }}
{{- if and (or .channels.existingSecret .push.existingSecret) (not .peers) }}
{{- fail "console.notifications.peers must say where those are who are told" }}
{{- end }}
{{- end }}
{{- with $values.console.ingress }}
{{- if and .enabled (not (and .host .peers)) }}
{{- fail "console.ingress needs host, and peers that say where the ingress controller is" }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $values.gallery.kind "server" }}
{{- if not (and (or $values.gallery.url $values.inChart.qdrant.enabled) $values.gallery.existingSecret) }}
{{- fail "gallery.kind server needs gallery.url and gallery.existingSecret: templates travel over TLS and with a key, or not at all" }}
{{- end }}
{{- else if $values.inChart.qdrant.enabled }}
{{- fail "inChart.qdrant needs gallery.kind: server" }}
{{- end }}
{{- if and $values.inChart.qdrant.enabled (not $values.inChart.qdrant.tls.existingSecret) }}
{{- fail "inChart.qdrant.tls.existingSecret must name a certificate: matching talks to Qdrant over TLS alone" }}
{{- end }}
{{- if and $values.registry.existingSecret (not $values.registry.username) }}
{{- fail "registry.username must be set where registry.existingSecret is" }}
{{- end }}
{{- with $values.topics.strimzi }}
{{- if and (or .topics .users) (not .cluster) }}
{{- fail "topics.strimzi.cluster must name the Kafka resource" }}
{{- end }}
{{- end }}
{{- $sent := dig "most_shots" 0 $values.services.detection.settings | int }}
{{- $compared := dig "most_shots" 5 $values.services.matching.settings | int }}
{{- if gt $sent $compared }}
{{- fail (printf "services.matching.settings.most_shots is %d and detection sends %d: a pass of more shots has more chances of a false match" $compared $sent) }}
{{- end }}
{{- end }}
