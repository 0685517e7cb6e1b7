{{/* The names of everything begin with the release's, which says "likeness" once. */}}
{{- define "likeness.name" -}}
{{- if contains "likeness" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-likeness" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What selects the pods of a component: (list $ "api"). */}}
{{- define "likeness.selector" -}}
app.kubernetes.io/name: likeness
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "likeness.labels" -}}
{{ include "likeness.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{/* The image of a target of the Dockerfile: (list $ "worker-cpu"). */}}
{{- define "likeness.image" -}}
{{- $image := (index . 0).Values.image -}}
{{ $image.repository }}/{{ index . 1 }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{/* One variable from a Secret: (list $ "DATABASE_URL"). */}}
{{- define "likeness.secret" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $other := get $root.Values.secretRefs $name | default dict -}}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $other.name | default $root.Values.existingSecret }}, key: {{ $other.key | default $name }} } }
{{- end }}

{{/* Where the servers are; those of the trial take their passwords from the Secret. */}}
{{- define "likeness.servers" -}}
{{- $name := include "likeness.name" . -}}
{{- if .Values.trial.enabled }}
{{ include "likeness.secret" (list . "POSTGRES_PASSWORD") }}
{{ include "likeness.secret" (list . "REDIS_PASSWORD") }}
{{ include "likeness.secret" (list . "OBJECT_STORE_PASSWORD") }}
- { name: DATABASE_URL, value: 'postgres://likeness:$(POSTGRES_PASSWORD)@{{ $name }}-postgres:5432/likeness' }
- { name: REDIS_URL, value: 'redis://:$(REDIS_PASSWORD)@{{ $name }}-redis:6379' }
- { name: OBJECT_STORE_URL, value: 's3://likeness:$(OBJECT_STORE_PASSWORD)@{{ $name }}-objects:9000/likeness?ssl=false' }
{{- else }}
{{ include "likeness.secret" (list . "DATABASE_URL") }}
{{ include "likeness.secret" (list . "REDIS_URL") }}
{{ include "likeness.secret" (list . "OBJECT_STORE_URL") }}
{{- end }}
{{- end }}

{{/* Variables of a process over those of all: (list $ .Values.api.config). */}}
{{- define "likeness.config" -}}
{{- range $name, $value := merge (dict) (index . 1) (index . 0).Values.config }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end }}

{{/* What Pod Security's level "restricted" asks for. */}}
{{- define "likeness.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "likeness.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* How a pod of a component is placed: (list $ "api" .Values.api). */}}
{{- define "likeness.placement" -}}
{{- $root := index . 0 -}}{{- $values := index . 2 -}}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "likeness.selector" (list $root (index $ 1)) | nindent 8 }}
  {{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* At most one pod of a component is taken away at a time: (list $ "api"). */}}
{{- define "likeness.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "likeness.name" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "likeness.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "likeness.selector" . | nindent 6 }}
{{- end }}
