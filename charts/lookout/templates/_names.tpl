{{/* Names and labels. */}}

{{- define "lookout.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What tells this release's pods from others'. */}}
{{- define "lookout.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of pods. A new version of the chart alone changes none of them, so it restarts nothing. */}}
{{- define "lookout.pod.labels" -}}
{{ include "lookout.selector" . }}
app.kubernetes.io/part-of: lookout
{{- end }}

{{- define "lookout.labels" -}}
{{ include "lookout.pod.labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Labels that a workload's pods are selected by. Takes a workload's scope. */}}
{{- define "lookout.workload.selector" -}}
{{ include "lookout.selector" .root }}
app.kubernetes.io/component: {{ .service }}
{{- with .set }}
lookout/camera-set: {{ .name }}
{{- end }}
{{- end }}

{{/* Where {service} stands in a name, the service. Takes a list: the text, the service. */}}
{{- define "lookout.for" -}}
{{- index . 0 | replace "{service}" (index . 1) -}}
{{- end }}

{{/* Takes root, service, and values with image.repository and image.tag, which may be empty. */}}
{{- define "lookout.image" -}}
{{- $image := .root.Values.image -}}
{{- $own := dig "image" dict .values -}}
{{- $repository := default $image.repository (dig "repository" "" $own) -}}
{{- $tag := default (default .root.Chart.AppVersion $image.tag) (dig "tag" "" $own) -}}
{{- printf "%s:%s" (include "lookout.for" (list $repository .service)) $tag -}}
{{- end }}
