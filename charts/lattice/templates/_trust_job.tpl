{{/* What the Job of trust does; its name has a hash of this, because a Job cannot be changed. */}}
{{- define "lattice.trustPod" -}}
{{- $secrets := include "lattice.secrets" . -}}
metadata:
  labels:
    {{- include "lattice.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: trust
    lattice.dev/nats-client: {{ .Release.Name }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "lattice.fullname" . }}-trust
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- include "lattice.podSecurityContext" . | nindent 4 }}
  {{- if .Values.trust.bootstrap }}
  initContainers:
    # Makes what is missing of the trust root, and keeps it in Secrets. Here alone is the operator's key.
    - name: root
      image: {{ include "lattice.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [/usr/local/bin/lattice]
      args:
        - key
        - root
        - /run/lattice/root
        - --lattice={{ .Values.lattice }}
        - --kubernetes-secrets={{ $secrets }}
        - --service-account=/var/run/secrets/kubernetes.io/serviceaccount
      env:
        - name: LATTICE_HOME
          value: /run/lattice/home
      securityContext: {{- include "lattice.securityContext" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 32Mi}
        limits: {memory: 128Mi}
      volumeMounts:
        - name: root
          mountPath: /run/lattice
        - name: api
          mountPath: /var/run/secrets/kubernetes.io/serviceaccount
          readOnly: true
  {{- end }}
  containers:
    # Waits for NATS, creates the lattice's state there, and says whom to trust.
    - name: publish
      image: {{ include "lattice.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [/usr/local/bin/lattice]
      args:
        - key
        - publish
        - {{ .Values.trust.bootstrap | ternary "/run/lattice/root/bundle.jwt" "/etc/lattice/trust/trust.jwt" }}
        - --context=kubernetes
        - --creds={{ .Values.trust.bootstrap | ternary "/run/lattice/root/cli.creds" "/etc/lattice/cli-creds/cli.creds" }}
        - --timeout=5m
      env:
        - name: LATTICE_HOME
          value: /etc/lattice/cli
        # Looked up when this container starts, when the Secret is there.
        - name: LATTICE_OPERATORS
          valueFrom: {secretKeyRef: {name: {{ $secrets }}-trust, key: operators}}
      securityContext: {{- include "lattice.securityContext" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 32Mi}
        limits: {memory: 128Mi}
      volumeMounts:
        - name: context
          mountPath: /etc/lattice/cli
          readOnly: true
        {{- if .Values.trust.bootstrap }}
        - name: root
          mountPath: /run/lattice
        {{- else }}
        - name: trust
          mountPath: /etc/lattice/trust
          readOnly: true
        - name: cli-creds
          mountPath: /etc/lattice/cli-creds
          readOnly: true
        {{- end }}
        {{- include "lattice.tlsMounts" . | nindent 8 }}
  volumes:
    - name: context
      configMap:
        name: {{ include "lattice.fullname" . }}-context
        items: [{key: kubernetes.json, path: contexts/kubernetes.json}]
    {{- if .Values.trust.bootstrap }}
    # In memory: what is in it is in Secrets when the pod ends.
    - name: root
      emptyDir: {medium: Memory, sizeLimit: 8Mi}
    - name: api
      projected:
        sources:
          - serviceAccountToken: {path: token, expirationSeconds: 3600}
          - configMap:
              name: kube-root-ca.crt
              items: [{key: ca.crt, path: ca.crt}]
          - downwardAPI:
              items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
    {{- else }}
    - name: trust
      secret:
        secretName: {{ $secrets }}-trust
        items: [{key: trust.jwt, path: trust.jwt}]
    - name: cli-creds
      secret:
        secretName: {{ $secrets }}-cli
        items: [{key: cli.creds, path: cli.creds}]
    {{- end }}
    {{- include "lattice.tlsVolumes" . | nindent 4 }}
{{- end -}}
