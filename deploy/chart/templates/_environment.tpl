{{/* The provider's variables; what is empty is left to its default. */}}
{{- define "provider.environment" -}}
{{- $values := .Values }}
{{- include "provider.variable" (list "SP_NAME" $values.provider.name) }}
{{- include "provider.variable" (list "SP_FORMER_NAMES" (join "," $values.provider.formerNames)) }}
{{- include "provider.variable" (list "SP_ENDPOINT" (include "provider.endpoint" .)) }}
{{- include "provider.variable" (list "SP_DISPLAY_NAME" $values.provider.displayName) }}
{{- include "provider.variable" (list "SP_REGION" $values.provider.region) }}
{{- include "provider.variable" (list "SP_ZONE" $values.provider.zone) }}
{{- include "provider.variable" (list "DCM_REGISTRATION_URL" $values.registration.url) }}
{{- include "provider.variable" (list "SP_REGISTRATION_REFRESH" $values.registration.refresh) }}
{{- include "provider.secretVariable" (list "DCM_AUTH_TOKEN" $values.registration.tokenSecret) }}
{{- with $values.registration.client }}
{{- include "provider.variable" (list "DCM_AUTH_TOKEN_ENDPOINT" .tokenEndpoint) }}
{{- include "provider.variable" (list "DCM_AUTH_CLIENT_ID" .id) }}
{{- include "provider.secretVariable" (list "DCM_AUTH_CLIENT_SECRET" .secret) }}
{{- include "provider.variable" (list "DCM_AUTH_ALLOW_HTTP" (ternary "true" "" (eq (toString .allowHttp) "true"))) }}
{{- end }}
{{- include "provider.variable" (list "SP_K8S_NAMESPACE" $values.containers.namespace) }}
{{- include "provider.variable" (list "SP_K8S_EXTERNAL_SVC_TYPE" $values.containers.externalServiceType) }}
{{- include "provider.variable" (list "SP_K8S_EXTERNAL_ADDRESS" $values.containers.externalAddress) }}
{{- include "provider.variable" (list "SP_K8S_ISOLATE_INTERNAL_PORTS" $values.containers.isolateInternalPorts) }}
{{- include "provider.variable" (list "SP_LOGS" $values.containers.logs) }}
{{- include "provider.variable" (list "SP_K8S_ALLOWED_HINTS" (join "," $values.containers.allowedHints | default "none")) }}
{{- include "provider.variable" (list "SP_K8S_ALLOWED_PULL_SECRETS" (join "," $values.containers.allowedPullSecrets)) }}
{{- include "provider.variable" (list "SP_K8S_ALLOWED_SERVICE_ANNOTATIONS" (join "," $values.containers.allowedServiceAnnotations)) }}
{{- include "provider.variable" (list "SP_K8S_ALLOWED_CLAIMS" (join "," $values.containers.allowedClaims)) }}
{{- include "provider.secretVariable" (list "NATS_URL" $values.nats.urlSecret) }}
{{- $natsUrl := ternary "$(NATS_URL)" $values.nats.url (not (empty $values.nats.urlSecret)) }}
{{- include "provider.variable" (list "SP_NATS_URL" (print $natsUrl (include "provider.natsQuery" .))) }}
{{- include "provider.variable" (list "SP_NATS_KV_BUCKET" $values.nats.keyValueBucket) }}
{{- include "provider.variable" (list "SP_MONITOR_DEBOUNCE_MS" $values.events.debounce) }}
{{- include "provider.variable" (list "SP_MONITOR_RESYNC_PERIOD" $values.events.resyncPeriod) }}
{{- include "provider.variable" (list "SP_MONITOR_CRASH_TOLERANCE" $values.containers.crashTolerance) }}
{{- include "provider.variable" (list "SP_MONITOR_ADDRESS_WAIT" $values.containers.addressWait) }}
{{- include "provider.variable" (list "SP_K8S_PROGRESS_DEADLINE" $values.containers.progressDeadline) }}
{{- include "provider.variable" (list "SP_LEADER_ELECTION" true) }}
{{- include "provider.variable" (list "SP_LEASE_NAME" (include "provider.leaseName" .)) }}
{{- include "provider.variable" (list "SP_SERVER_ADDRESS" ":8080") }}
{{- include "provider.variable" (list "SP_MANAGEMENT_ADDRESS" ":8081") }}
{{- with $values.server }}
{{- include "provider.variable" (list "SP_SERVER_DRAIN_DELAY" (printf "%vs" .drainDelaySeconds)) }}
{{- include "provider.variable" (list "SP_SERVER_SHUTDOWN_TIMEOUT" (printf "%vs" .shutdownTimeoutSeconds)) }}
{{- include "provider.variable" (list "SP_SERVER_READ_TIMEOUT" .readTimeout) }}
{{- include "provider.variable" (list "SP_SERVER_WRITE_TIMEOUT" .writeTimeout) }}
{{- include "provider.variable" (list "SP_SERVER_IDLE_TIMEOUT" .idleTimeout) }}
{{- include "provider.variable" (list "SP_SERVER_REQUEST_TIMEOUT" .requestTimeout) }}
{{- include "provider.variable" (list "SP_PROBLEM_TYPES" .problemTypes) }}
{{- if .tls.secret }}
{{- include "provider.variable" (list "SP_SERVER_TLS_CERT" "/etc/provider/tls/tls.crt") }}
{{- include "provider.variable" (list "SP_SERVER_TLS_KEY" "/etc/provider/tls/tls.key") }}
{{- with .tls.clientCASecret }}
{{- include "provider.variable" (list "SP_SERVER_TLS_CLIENT_CA" "/etc/provider/client-ca/ca.crt") }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.auth }}
{{- include "provider.variable" (list "SP_AUTH_ISSUER" .issuer) }}
{{- include "provider.variable" (list "SP_AUTH_AUDIENCE" .audience) }}
{{- include "provider.variable" (list "SP_AUTH_JWKS_URL" .jwksUrl) }}
{{- include "provider.variable" (list "SP_AUTH_SCOPE" .scope) }}
{{- end }}
{{- include "provider.variable" (list "SP_LOG_LEVEL" $values.logLevel) }}
{{- if eq (toString $values.logHealth) "false" }}
{{- include "provider.variable" (list "SP_LOG_HEALTH" "false") }}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
