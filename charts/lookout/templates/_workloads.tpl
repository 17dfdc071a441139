{{/* What runs: one workload per service, and of capture one per set of cameras. A YAML list. */}}
{{- define "lookout.workloads" -}}
{{- range $service, $_ := .Files.Get "files/services.yaml" | fromYaml }}
{{- $values := index $.Values.services $service }}
{{- if and $values.enabled (eq $service "capture") }}
{{- range $values.sets }}
- {{ dict "name" (printf "capture-%s" .name) "service" "capture" "set" . | toJson }}
{{- end }}
{{- else if $values.enabled }}
- {{ dict "name" $service "service" $service | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/* What a workload may reach, out of the table of edges: it gets addresses and credentials of that, and of nothing else. */}}
{{- define "lookout.uses" -}}
{{- $found := dict }}
{{- range .root.Files.Get "files/edges.yaml" | fromYamlArray }}
{{- if has $.service .from }}{{- $_ := set $found .to true }}{{- end }}
{{- end }}
{{- $found | toJson }}
{{- end }}

{{/* A workload's scope, as JSON without its root: takes root and the workload. */}}
{{- define "lookout.facts" -}}
{{- index (.root.Files.Get "files/services.yaml" | fromYaml) .service | toJson }}
{{- end }}

{{/* Partitions of the topic that a service's group shares. */}}
{{- define "lookout.partitions" -}}
{{- range (.root.Files.Get "files/kafka.yaml" | fromYaml).topics }}
{{- if eq .topic $.facts.consumes }}{{ .partitions }}{{ end }}
{{- end }}
{{- end }}

{{/* The most replicas that a service of a shared topic may have, capped at the partitions. */}}
{{- define "lookout.most" -}}
{{- $scaling := .values.autoscaling }}
{{- $wanted := ternary .values.replicas $scaling.maxReplicas (eq $scaling.kind "none") | int }}
{{- min $wanted (include "lookout.partitions" . | int) }}
{{- end }}
