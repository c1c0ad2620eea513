{{- define "provider.fullname" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Objects without a namespace need a name that no other release has. */}}
{{- define "provider.clusterName" -}}
{{ include "provider.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{/* Whoever creates containers chooses their labels, but none under dcm.project: nobody joins the provider by its labels. */}}
{{- define "provider.selectorLabels" -}}
dcm.project/component: provider
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "provider.labels" -}}
{{ include "provider.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* The provider's own default, so that one outside of the chart and one of the chart elect one leader. */}}
{{- define "provider.leaseName" -}}
{{- if .Values.leaderElection.leaseName -}}
{{ .Values.leaderElection.leaseName }}
{{- else if regexMatch "^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$" .Values.provider.name -}}
dcm-provider-{{ .Values.provider.name }}
{{- else -}}
{{ fail "provider.name cannot be a part of the Lease's name: set leaderElection.leaseName" }}
{{- end }}
{{- end }}

{{- define "provider.scheme" -}}
{{ if .Values.server.tls.secret }}https{{ else }}http{{ end }}
{{- end }}

{{- define "provider.endpoint" -}}
{{- if .Values.provider.endpoint -}}
{{ .Values.provider.endpoint }}
{{- else -}}
{{ include "provider.scheme" . }}://{{ include "provider.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}
{{- end }}

{{/* What is appended to the URL of NATS: how it is entered, and where the files for that are. */}}
{{- define "provider.natsQuery" -}}
{{- $parameters := list }}
{{- with .Values.nats.credentialsSecret }}{{ $parameters = append $parameters "credentials=/etc/provider/nats-credentials/credentials" }}{{ end }}
{{- if .Values.nats.tlsSecret }}
{{- $parameters = append $parameters "ca=/etc/provider/nats-tls/ca.crt" }}
{{- if .Values.nats.tlsClientCertificate }}
{{- $parameters = concat $parameters (list "cert=/etc/provider/nats-tls/tls.crt" "key=/etc/provider/nats-tls/tls.key") }}
{{- end }}
{{- end }}
{{- if .Values.nats.tlsFirst }}{{ $parameters = append $parameters "tls_first=true" }}{{ end }}
{{- if $parameters }}?{{ join "&" $parameters }}{{ end }}
{{- end }}

{{/* A variable, left out where its value is empty, or not there at all. Takes a list: name, value. */}}
{{- define "provider.variable" -}}
{{- if not (has (index . 1) (list nil "")) }}
- name: {{ index . 0 }}
  value: {{ index . 1 | toString | quote }}
{{- end }}
{{- end }}

{{/* A variable from a Secret, left out where there is none. Takes a list: name, reference. */}}
{{- define "provider.secretVariable" -}}
{{- with index . 1 }}
- name: {{ index $ 0 }}
  valueFrom: { secretKeyRef: { name: {{ .name | quote }}, key: {{ .key | quote }} } }
{{- end }}
{{- end }}
