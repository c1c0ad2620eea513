{{/* Files from Secrets; what is renewed in a Secret arrives in its file, without a restart. */}}
{{- define "provider.volumes" -}}
{{- with .Values.nats.credentialsSecret }}
{{ include "provider.secretVolume" (dict "volume" "nats-credentials" "secret" .name "key" .key "file" "credentials") }}
{{- end }}
{{- with .Values.nats.tlsSecret }}
{{ include "provider.secretVolume" (dict "volume" "nats-tls" "secret" .) }}
{{- end }}
{{- with .Values.server.tls.secret }}
{{ include "provider.secretVolume" (dict "volume" "tls" "secret" .) }}
{{- end }}
{{- with .Values.server.tls.clientCASecret }}
{{ include "provider.secretVolume" (dict "volume" "client-ca" "secret" .name "key" .key "file" "ca.crt") }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Takes the volume's name, the Secret's and, where only one key of it is wanted, that key and its file's name. */}}
{{- define "provider.secretVolume" -}}
- name: {{ .volume }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    {{- with .key }}
    items: [{ key: {{ . | quote }}, path: {{ $.file }} }]
    {{- end }}
{{- end }}

{{- define "provider.volumeMounts" -}}
{{- $volumes := list }}
{{- if .Values.nats.credentialsSecret }}{{ $volumes = append $volumes "nats-credentials" }}{{ end }}
{{- if .Values.nats.tlsSecret }}{{ $volumes = append $volumes "nats-tls" }}{{ end }}
{{- if .Values.server.tls.secret }}{{ $volumes = append $volumes "tls" }}{{ end }}
{{- if .Values.server.tls.clientCASecret }}{{ $volumes = append $volumes "client-ca" }}{{ end }}
{{- range $volumes }}
- { name: {{ . }}, mountPath: /etc/provider/{{ . }}, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
