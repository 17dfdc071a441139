{{/* Security of a pod: what Kubernetes' restricted profile asks, and a group that may read the mounted files. */}}
{{- define "lookout.pod.security" -}}
runAsNonRoot: true
runAsUser: {{ .runAsUser }}
runAsGroup: {{ .runAsGroup }}
fsGroup: {{ .fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "lookout.container.security" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Volumes of a workload or job. Same scope as lookout.files. */}}
{{- define "lookout.volumes" -}}
{{- $values := .root.Values }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- range include "lookout.files" . | fromYamlArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items:
      {{- range .files }}
      - {key: {{ .key | quote }}, path: {{ .key | quote }}}
      {{- end }}
{{- end }}
{{- if .uses.kafka }}
- name: trust
  configMap: {name: {{ $values.trust.existingConfigMap }}}
{{- if eq .facts.vault "none" }}
# It reads no long-lived key: an empty vault of its own, whose secret wraps nothing.
- name: vault
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: vault-secret
  downwardAPI:
    defaultMode: 0440
    items: [{path: uid, fieldRef: {fieldPath: metadata.uid}}]
{{- else }}
- name: vault
  persistentVolumeClaim: {claimName: {{ $values.vault.existingClaim }}, readOnly: {{ eq .facts.vault "read" }}}
{{- end }}
{{- end }}
{{- if .facts.models }}
- name: models
  persistentVolumeClaim: {claimName: {{ $values.models.existingClaim }}, readOnly: true}
{{- end }}
{{- if and (eq .service "matching") (eq $values.gallery.kind "edge") }}
- name: gallery
  emptyDir: {medium: Memory, sizeLimit: {{ $values.gallery.memory }}}
{{- end }}
{{- if and (eq .service "keeper") $values.anchors.existingClaim }}
- name: anchors
  persistentVolumeClaim: {claimName: {{ $values.anchors.existingClaim }}}
{{- end }}
{{- if eq .service "console" }}
- name: first
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- end }}

{{- define "lookout.mounts" -}}
{{- $values := .root.Values }}
- {name: tmp, mountPath: /tmp}
{{- range include "lookout.files" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /etc/lookout/{{ .name }}, readOnly: true}
{{- end }}
{{- if .uses.kafka }}
- {name: trust, mountPath: /etc/lookout/trust, readOnly: true}
- {name: vault, mountPath: /var/lib/lookout/vault, readOnly: {{ eq .facts.vault "read" }}}
{{- if eq .facts.vault "none" }}
- {name: vault-secret, mountPath: /etc/lookout/vault-secret, readOnly: true}
{{- end }}
{{- end }}
{{- if .facts.models }}
- {name: models, mountPath: /var/lib/lookout/models, readOnly: true}
{{- end }}
{{- if and (eq .service "matching") (eq $values.gallery.kind "edge") }}
- {name: gallery, mountPath: /run/lookout/gallery}
{{- end }}
{{- if and (eq .service "keeper") $values.anchors.existingClaim }}
- {name: anchors, mountPath: /var/lib/lookout/anchors}
{{- end }}
{{- if eq .service "console" }}
- {name: first, mountPath: /run/lookout/first}
{{- end }}
{{- end }}

{{/* What every pod of Lookout says first. Takes root. */}}
{{- define "lookout.pod.head" -}}
serviceAccountName: {{ include "lookout.fullname" . }}
automountServiceAccountToken: false
# A Service called lookout-metrics would otherwise set LOOKOUT_METRICS_PORT, which is a setting.
enableServiceLinks: false
securityContext:
  {{- include "lookout.pod.security" .Values.security | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Where a workload's pods may and should run. Takes a workload's scope. */}}
{{- define "lookout.placing" -}}
{{- $gpu := dig "gpu" dict .values }}
{{- $onGpu := dig "enabled" false $gpu }}
{{- with ternary (merge (dict) .values.nodeSelector (dig "nodeSelector" dict $gpu)) .values.nodeSelector $onGpu }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with ternary (concat .values.tolerations (dig "tolerations" list $gpu)) .values.tolerations $onGpu }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and $onGpu $gpu.runtimeClassName }}
runtimeClassName: {{ $gpu.runtimeClassName }}
{{- end }}
{{- with .root.Values.spread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "lookout.workload.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Requests and limits, with the GPU among the limits. Takes a workload's scope. */}}
{{- define "lookout.resources" -}}
{{- $resources := deepCopy .values.resources }}
{{- if dig "gpu" "enabled" false .values }}
{{- $_ := set $resources "limits" (merge (dict .values.gpu.resource .values.gpu.count) (default dict $resources.limits)) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}
