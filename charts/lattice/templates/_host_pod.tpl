{{/* The pod of a host. */}}
{{- define "lattice.hostPod" -}}
{{- $root := .root -}}
{{- $group := .group -}}
{{- $secrets := include "lattice.secrets" $root -}}
{{- $enrols := eq $root.Values.trust.enrolment.mode "auto" -}}
{{- $creds := $root.Values.connection.credsSecret -}}
{{- $drain := $group.drain -}}
{{- $sleeps := and $drain.preStopSeconds (semverCompare ">=1.30-0" $root.Capabilities.KubeVersion.Version) -}}
serviceAccountName: {{ include "lattice.fullname" $root }}-host
automountServiceAccountToken: false
enableServiceLinks: false
# After the drain: 5 s for what is cut off to end, 6 s to leave the lattice, 5 s for NATS, 3 s for the last spans.
terminationGracePeriodSeconds: {{ add $drain.graceSeconds $drain.preStopSeconds 25 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $group.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $group.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
securityContext: {{- mergeOverwrite (include "lattice.podSecurityContext" $root | fromYaml) $group.podSecurityContext | toYaml | nindent 2 }}
{{- if $enrols }}
initContainers:
  # Takes the key that enrols and gives the host what is its own; the host never sees that key.
  - name: enrol
    image: {{ include "lattice.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [/usr/local/bin/lattice]
    args:
      - key
      - enroll
      - $(POD_NAME)
      - --context=enrol
      - --out=/var/lib/lattice
      - --expires={{ $root.Values.trust.enrolment.expires }}
      {{- range $root.Values.trust.enrolment.messagingSubjects }}
      - {{ printf "--messaging-subject=%s" . | quote }}
      {{- end }}
      {{- range $key, $value := $group.labels }}
      - {{ printf "--label=%s=%v" $key $value | quote }}
      {{- end }}
      {{- if $group.controller }}
      - --controller=/etc/lattice/controller/controller.seed
      {{- end }}
    env:
      - name: POD_NAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      - name: LATTICE_HOME
        value: /etc/lattice/cli
    securityContext: {{- mergeOverwrite (include "lattice.securityContext" $root | fromYaml) $group.securityContext | toYaml | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 32Mi}
      limits: {memory: 128Mi}
    volumeMounts:
      - name: data
        mountPath: /var/lib/lattice
      - name: context
        mountPath: /etc/lattice/cli
        readOnly: true
      - name: enrol
        mountPath: /etc/lattice/enrol
        readOnly: true
      {{- if $group.controller }}
      - name: controller
        mountPath: /etc/lattice/controller
        readOnly: true
      {{- end }}
{{- end }}
containers:
  - name: host
    image: {{ include "lattice.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [/usr/local/bin/lattice-host]
    args:
      # A pod that starts again sees its Secrets anew; one that waits does not.
      - --no-wait
      - --lattice={{ $root.Values.lattice }}
      - --nats-url={{ include "lattice.natsUrl" $root }}
      {{- if $creds }}
      - --nats-creds=/etc/lattice/nats/nats.creds
      {{- else if $enrols }}
      - --nats-creds=/var/lib/lattice/nats.creds
      {{- else }}
      - --nats-creds=/etc/lattice/identity/nats.creds
      {{- end }}
      - --data-dir=/var/lib/lattice/data
      {{- if not $enrols }}
      - --token-file=/etc/lattice/identity/host.jwt
      {{- end }}
      - --trust-bundle=/etc/lattice/trust/trust.jwt
      - --name=$(POD_NAME)
      {{- range $key, $value := $group.labels }}
      - {{ printf "--label=%s=%v" $key $value | quote }}
      {{- end }}
      {{- if $group.controller }}
      - --controller-seed={{ $enrols | ternary "/var/lib/lattice/controller.seed" "/etc/lattice/controller/controller.seed" }}
      {{- end }}
      {{- with $root.Values.connection.jetstreamDomain }}
      - --jetstream-domain={{ . }}
      {{- end }}
      {{- if $root.Values.connection.tls.caSecret }}
      - --tls-ca=/etc/lattice/nats-ca/ca.crt
      {{- end }}
      {{- if $root.Values.connection.tls.certSecret }}
      - --tls-cert=/etc/lattice/nats-cert/tls.crt
      - --tls-key=/etc/lattice/nats-cert/tls.key
      {{- end }}
      {{- if $root.Values.connection.tls.required }}
      - --tls-required=true
      {{- end }}
      - --engine-profile={{ $group.engineProfile }}
      {{- with $group.replicasMax }}
      - --replicas-max={{ int . }}
      {{- end }}
      {{- with $group.statefulMemory }}
      - --stateful-memory={{ . }}
      {{- end }}
      {{- if $group.actorSecrets }}
      - --secrets=/etc/lattice/secrets
      {{- end }}
      - --grace={{ $drain.graceSeconds }}s
      - --metrics-address=0.0.0.0:{{ $root.Values.metrics.port }}
      - --log={{ $group.log }}
      - --log-format={{ $group.logFormat }}
      {{- with $group.extraArgs }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    env:
      - name: POD_NAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      - name: LATTICE_OPERATORS
        valueFrom: {secretKeyRef: {name: {{ $secrets }}-trust, key: operators}}
      {{- with $root.Values.otel.endpoint }}
      - name: OTEL_EXPORTER_OTLP_ENDPOINT
        value: {{ . | quote }}
      - name: OTEL_EXPORTER_OTLP_PROTOCOL
        value: {{ $root.Values.otel.protocol | quote }}
      - name: OTEL_RESOURCE_ATTRIBUTES
        value: k8s.namespace.name={{ $root.Release.Namespace }},k8s.pod.name=$(POD_NAME)
      {{- end }}
      {{- with $group.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $group.envFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      - name: metrics
        containerPort: {{ $root.Values.metrics.port }}
      {{- range $group.ports }}
      - name: {{ .name }}
        containerPort: {{ .port }}
      {{- end }}
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 3
      timeoutSeconds: 2
      failureThreshold: 2
    livenessProbe:
      httpGet: {path: /livez, port: metrics}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- if $sleeps }}
    # Requests that are on their way still find the host; then SIGTERM has it take nothing new and finish what it has.
    lifecycle:
      preStop:
        sleep: {seconds: {{ $drain.preStopSeconds }}}
    {{- end }}
    securityContext: {{- mergeOverwrite (include "lattice.securityContext" $root | fromYaml) $group.securityContext | toYaml | nindent 6 }}
    resources: {{- toYaml $group.resources | nindent 6 }}
    volumeMounts:
      - name: data
        mountPath: /var/lib/lattice
      - name: tmp
        mountPath: /tmp
      - name: trust
        mountPath: /etc/lattice/trust
        readOnly: true
      {{- if $creds }}
      - name: nats-creds
        mountPath: /etc/lattice/nats
        readOnly: true
      {{- end }}
      {{- if not $enrols }}
      # Its own Secret only, of all those of its group.
      - name: identity
        mountPath: /etc/lattice/identity
        subPathExpr: $(POD_NAME)
        readOnly: true
      {{- if $group.controller }}
      - name: controller
        mountPath: /etc/lattice/controller
        readOnly: true
      {{- end }}
      {{- end }}
      {{- if $group.actorSecrets }}
      - name: actor-secrets
        mountPath: /etc/lattice/secrets
        readOnly: true
      {{- end }}
      {{- include "lattice.tlsMounts" $root | nindent 6 }}
      {{- with $group.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  {{- if eq $group.persistence.type "emptyDir" }}
  - name: data
    emptyDir:
      sizeLimit: {{ $group.persistence.size }}
  {{- else if eq $group.persistence.type "hostPath" }}
  - name: data
    hostPath:
      path: {{ $group.persistence.hostPath }}
      type: Directory
  {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  - name: trust
    secret:
      secretName: {{ $secrets }}-trust
      items: [{key: trust.jwt, path: trust.jwt}]
  {{- if $enrols }}
  - name: context
    configMap:
      name: {{ include "lattice.fullname" $root }}-context
      items: [{key: enrol.json, path: contexts/enrol.json}]
  - name: enrol
    secret:
      secretName: {{ $secrets }}-enrol
      items:
        - {key: issuer.seed, path: issuer.seed}
        {{- if not $creds }}
        - {key: nats-account.seed, path: nats-account.seed}
        {{- end }}
  {{- else }}
  - name: identity
    projected:
      sources:
        {{- range $ordinal := until (int $group.replicas) }}
        {{- $pod := printf "%s-%s-%d" (include "lattice.fullname" $root) $group.name $ordinal }}
        - secret:
            name: {{ $pod }}-identity
            # A host that has none yet says how to enrol it, and ends.
            optional: true
            items:
              - {key: host.jwt, path: {{ $pod }}/host.jwt}
              {{- if not $creds }}
              - {key: nats.creds, path: {{ $pod }}/nats.creds}
              {{- end }}
        {{- end }}
  {{- end }}
  {{- if $group.controller }}
  - name: controller
    secret:
      secretName: {{ $secrets }}-controller
      items: [{key: controller.seed, path: controller.seed}]
  {{- end }}
  {{- if $creds }}
  - name: nats-creds
    secret:
      secretName: {{ $creds }}
      items: [{key: nats.creds, path: nats.creds}]
  {{- end }}
  {{- if $group.actorSecrets }}
  - name: actor-secrets
    secret:
      secretName: {{ $group.actorSecrets }}
  {{- end }}
  {{- include "lattice.tlsVolumes" $root | nindent 2 }}
  {{- with $group.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
topologySpreadConstraints:
  {{- if $group.topologySpreadConstraints }}
  {{- toYaml $group.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "lattice.selectorLabels" $root | nindent 8 }}
        lattice.dev/group: {{ $group.name }}
  {{- end }}
  {{- end }}
{{- with $group.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $group.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $group.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
