{{- define "lattice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "lattice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "lattice.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "lattice.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What the names of Secrets begin with. The subchart of NATS asks too, so nothing but the release and globals may count. */}}
{{- define "lattice.secrets" -}}
{{- $prefix := (.Values.global).latticeSecrets -}}
{{- if $prefix -}}
{{- $prefix -}}
{{- else if contains "lattice" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-lattice" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "lattice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lattice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lattice.labels" -}}
{{ include "lattice.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lattice
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lattice.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Where NATS is, separated by commas. */}}
{{- define "lattice.natsUrl" -}}
{{- if .Values.connection.urls -}}
{{- join "," .Values.connection.urls -}}
{{- else if .Values.nats.enabled -}}
{{- printf "nats://%s:%d" (include "lattice-nats.fullname" .) (int .Values.nats.ports.client) -}}
{{- else -}}
{{- fail "nats.enabled is false and connection.urls names no NATS server: set connection.urls, such as [nats://nats.nats:4222]" -}}
{{- end -}}
{{- end -}}

{{/* The hardened context of every pod. Files of volumes that are there already keep their modes: a host refuses a key that its group can read. */}}
{{- define "lattice.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "lattice.securityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Flags with which both programs reach NATS by TLS. */}}
{{- define "lattice.tlsVolumes" -}}
{{- with .Values.connection.tls.caSecret }}
- name: nats-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with .Values.connection.tls.certSecret }}
- name: nats-cert
  secret:
    secretName: {{ . }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- end -}}

{{- define "lattice.tlsMounts" -}}
{{- if .Values.connection.tls.caSecret }}
- name: nats-ca
  mountPath: /etc/lattice/nats-ca
  readOnly: true
{{- end }}
{{- if .Values.connection.tls.certSecret }}
- name: nats-cert
  mountPath: /etc/lattice/nats-cert
  readOnly: true
{{- end }}
{{- end -}}

{{/* The context by which the programs in Jobs and init containers know NATS: names of files, no keys. */}}
{{- define "lattice.context" -}}
{{- toPrettyJson (dict "lattice" .Values.lattice "nats" (include "lattice.contextNats" . | fromJson)) -}}
{{- end -}}

{{/* The same for what enrols. */}}
{{- define "lattice.enrolContext" -}}
{{- $keys := dict "issuer" "/etc/lattice/enrol/issuer.seed" -}}
{{- if not .Values.connection.credsSecret -}}{{- $_ := set $keys "natsAccount" "/etc/lattice/enrol/nats-account.seed" -}}{{- end -}}
{{- toPrettyJson (dict "lattice" .Values.lattice "nats" (include "lattice.contextNats" . | fromJson) "keys" $keys) -}}
{{- end -}}

{{- define "lattice.contextNats" -}}
{{- $nats := dict "url" (include "lattice.natsUrl" .) -}}
{{- if .Values.connection.tls.caSecret -}}{{- $_ := set $nats "tlsCa" "/etc/lattice/nats-ca/ca.crt" -}}{{- end -}}
{{- if .Values.connection.tls.certSecret -}}
{{- $_ := set $nats "tlsCert" "/etc/lattice/nats-cert/tls.crt" -}}
{{- $_ := set $nats "tlsKey" "/etc/lattice/nats-cert/tls.key" -}}
{{- end -}}
{{- with .Values.connection.jetstreamDomain -}}{{- $_ := set $nats "jetstreamDomain" . -}}{{- end -}}
{{- toJson $nats -}}
{{- end -}}

{{/* A group with the defaults under it, as JSON. */}}
{{- define "lattice.group" -}}
{{- $group := mergeOverwrite (deepCopy .root.Values.hostDefaults) (deepCopy .group) -}}
{{- $place := printf "hostGroups[%s]" $group.name -}}
{{- if and (eq $group.persistence.type "pvc") (ne $group.kind "StatefulSet") -}}
{{- fail (printf "%s: persistence.type pvc needs kind StatefulSet: the pods of a %s have no volumes of their own" $place $group.kind) -}}
{{- end -}}
{{- if and (eq $group.persistence.type "hostPath") (ne $group.kind "DaemonSet") -}}
{{- fail (printf "%s: persistence.type hostPath needs kind DaemonSet: two pods of a %s on one node would share a key" $place $group.kind) -}}
{{- end -}}
{{- if and (eq .root.Values.trust.enrolment.mode "secrets") (ne $group.kind "StatefulSet") -}}
{{- fail (printf "%s: trust.enrolment.mode secrets needs kind StatefulSet with persistence.type pvc: only there a pod keeps its name and key" $place) -}}
{{- end -}}
{{- if and (eq .root.Values.trust.enrolment.mode "secrets") (ne $group.persistence.type "pvc") -}}
{{- fail (printf "%s: trust.enrolment.mode secrets needs persistence.type pvc: a host that loses its key loses its enrolment" $place) -}}
{{- end -}}
{{- toJson $group -}}
{{- end -}}
