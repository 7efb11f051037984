{{/* The chart above asks for these too: nothing but the release may count. */}}
{{- define "lattice-nats.fullname" -}}
{{- printf "%s-nats" (.Release.Name | trunc 40 | trimSuffix "-") -}}
{{- end -}}

{{- define "lattice-nats.selectorLabels" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: nats
{{- end -}}

{{- define "lattice-nats.labels" -}}
{{ include "lattice-nats.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lattice
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "lattice-nats.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "lattice-nats.config" -}}
{{- $name := include "lattice-nats.fullname" . -}}
server_name: $POD_NAME
listen: "0.0.0.0:{{ .Values.ports.client }}"
http: "0.0.0.0:{{ .Values.ports.monitor }}"
pid_file: "/run/nats/nats.pid"
# Clients leave one after another before the server ends.
lame_duck_grace_period: "5s"
lame_duck_duration: "30s"

jetstream {
  store_dir: "/data"
  # An acknowledged write must survive the power cut: by default the server syncs only every two minutes.
  sync_interval: always
  max_memory_store: {{ .Values.jetstream.maxMemory }}
  {{- with .Values.jetstream.domain }}
  domain: {{ . | quote }}
  {{- end }}
}
{{- if .Values.tls.secret }}

tls {
  cert_file: "/etc/nats/tls/tls.crt"
  key_file: "/etc/nats/tls/tls.key"
}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}

cluster {
  name: {{ $name | quote }}
  listen: "0.0.0.0:{{ .Values.ports.cluster }}"
  # Pods come and go by these names.
  no_advertise: true
  {{- if .Values.tls.clusterSecret }}
  tls {
    cert_file: "/etc/nats/cluster-tls/tls.crt"
    key_file: "/etc/nats/cluster-tls/tls.key"
    ca_file: "/etc/nats/cluster-tls/ca.crt"
    verify: true
  }
  {{- end }}
  routes: [
    {{- range $ordinal := until (int .Values.replicas) }}
    "nats://{{ $name }}-{{ $ordinal }}.{{ $name }}-headless:{{ $.Values.ports.cluster }}"
    {{- end }}
  ]
}
{{- end }}
{{- if .Values.leafnodes.enabled }}

leafnodes {
  listen: "0.0.0.0:{{ .Values.ports.leafnodes }}"
  {{- if .Values.tls.secret }}
  tls {
    cert_file: "/etc/nats/tls/tls.crt"
    key_file: "/etc/nats/tls/tls.key"
  }
  {{- end }}
}
{{- end }}

# Operator, accounts: public, signed.
include "../trust/nats.conf"
{{- end -}}
