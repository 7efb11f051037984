{{/* What every pod of the chart may reach: names, and NATS. */}}
{{- define "lattice.egress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if and .Values.nats.enabled (not .Values.connection.urls) }}
- ports:
    - {port: {{ .Values.nats.ports.client }}, protocol: TCP}
  to:
    - podSelector:
        matchLabels:
          {{- include "lattice-nats.selectorLabels" . | nindent 10 }}
{{- else }}
- ports:
    - {port: {{ .Values.networkPolicy.natsPort }}, protocol: TCP}
{{- end }}
{{- end -}}

{{/* The port in the collector's address, or what it is without one. */}}
{{- define "lattice.otelPort" -}}
{{- $url := urlParse .Values.otel.endpoint -}}
{{- if regexMatch ":[0-9]+$" $url.host -}}
{{- regexFind "[0-9]+$" $url.host -}}
{{- else if eq $url.scheme "https" -}}443
{{- else -}}80
{{- end -}}
{{- end -}}
