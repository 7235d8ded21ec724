{{- /* The parts of a PodSpec that the platform uses, typed as in KServe's CRDs. Each is included where a schema goes. */}}

{{- define "quantities" -}}
type: object
additionalProperties:
  anyOf: [{type: integer}, {type: string}]
  pattern: ^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$
  x-kubernetes-int-or-string: true
{{- end }}

{{- define "strings" -}}
{type: object, additionalProperties: {type: string}}
{{- end }}

{{- define "port" -}}
{anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
{{- end }}

{{- define "keyRef" -}}
type: object
x-kubernetes-map-type: atomic
required: [key]
properties:
  key: {type: string}
  name: {type: string, default: ""}
  optional: {type: boolean}
{{- end }}

{{- define "probe" -}}
{{- /* Takes a list of handlers that need not name their port: KServe completes some probes. */ -}}
type: object
properties:
  exec:
    type: object
    properties:
      command: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
  httpGet:
    type: object
    {{- if not (has "httpGet" .) }}
    required: [port]
    {{- end }}
    properties:
      path: {type: string}
      port: {{ include "port" . }}
      scheme: {type: string}
  tcpSocket:
    type: object
    {{- if not (has "tcpSocket" .) }}
    required: [port]
    {{- end }}
    properties:
      port: {{ include "port" . }}
  failureThreshold: {type: integer, format: int32}
  initialDelaySeconds: {type: integer, format: int32}
  periodSeconds: {type: integer, format: int32}
  successThreshold: {type: integer, format: int32}
  timeoutSeconds: {type: integer, format: int32}
{{- end }}

{{- define "seccompProfile" -}}
type: object
required: [type]
properties:
  localhostProfile: {type: string}
  type: {type: string}
{{- end }}

{{- define "containerProperties" -}}
{{- /* Takes a list of handlers that need not name their port in livenessProbe and readinessProbe. */ -}}
name: {type: string}
image: {type: string}
imagePullPolicy: {type: string}
command: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
args: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
workingDir: {type: string}
env:
  type: array
  x-kubernetes-list-type: map
  x-kubernetes-list-map-keys: [name]
  items:
    type: object
    required: [name]
    properties:
      name: {type: string}
      value: {type: string}
      valueFrom:
        type: object
        properties:
          configMapKeyRef:
            {{- include "keyRef" . | nindent 12 }}
          secretKeyRef:
            {{- include "keyRef" . | nindent 12 }}
          fieldRef:
            type: object
            x-kubernetes-map-type: atomic
            required: [fieldPath]
            properties:
              apiVersion: {type: string}
              fieldPath: {type: string}
ports:
  type: array
  x-kubernetes-list-type: map
  x-kubernetes-list-map-keys: [containerPort, protocol]
  items:
    type: object
    required: [containerPort]
    properties:
      containerPort: {type: integer, format: int32}
      name: {type: string}
      protocol: {type: string, default: TCP}
resources:
  type: object
  properties:
    limits:
      {{- include "quantities" . | nindent 6 }}
    requests:
      {{- include "quantities" . | nindent 6 }}
livenessProbe:
  {{- include "probe" . | nindent 2 }}
readinessProbe:
  {{- include "probe" . | nindent 2 }}
startupProbe:
  {{- include "probe" list | nindent 2 }}
securityContext:
  type: object
  properties:
    allowPrivilegeEscalation: {type: boolean}
    capabilities:
      type: object
      properties:
        add: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
        drop: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
    privileged: {type: boolean}
    readOnlyRootFilesystem: {type: boolean}
    runAsGroup: {type: integer, format: int64}
    runAsNonRoot: {type: boolean}
    runAsUser: {type: integer, format: int64}
    seccompProfile:
      {{- include "seccompProfile" . | nindent 6 }}
volumeMounts:
  type: array
  x-kubernetes-list-type: map
  x-kubernetes-list-map-keys: [mountPath]
  items:
    type: object
    required: [mountPath, name]
    properties:
      mountPath: {type: string}
      name: {type: string}
      readOnly: {type: boolean}
      subPath: {type: string}
{{- end }}

{{- define "containers" -}}
type: array
items:
  type: object
  required: [name]
  properties:
    {{- include "containerProperties" . | nindent 4 }}
{{- end }}

{{- define "imagePullSecrets" -}}
type: array
items:
  type: object
  x-kubernetes-map-type: atomic
  properties:
    name: {type: string, default: ""}
{{- end }}

{{- define "tolerations" -}}
type: array
items:
  type: object
  properties:
    effect: {type: string}
    key: {type: string}
    operator: {type: string}
    tolerationSeconds: {type: integer, format: int64}
    value: {type: string}
{{- end }}

{{- define "fileItems" -}}
type: array
x-kubernetes-list-type: atomic
items:
  type: object
  required: [key, path]
  properties:
    key: {type: string}
    path: {type: string}
{{- end }}

{{- define "volumes" -}}
type: array
items:
  type: object
  required: [name]
  properties:
    name: {type: string}
    configMap:
      type: object
      x-kubernetes-map-type: atomic
      properties:
        items:
          {{- include "fileItems" . | nindent 10 }}
        name: {type: string, default: ""}
        optional: {type: boolean}
    emptyDir:
      type: object
      properties:
        medium: {type: string}
        sizeLimit: {{ (include "quantities" . | fromYaml).additionalProperties | toJson }}
    persistentVolumeClaim:
      type: object
      required: [claimName]
      properties:
        claimName: {type: string}
        readOnly: {type: boolean}
    secret:
      type: object
      properties:
        items:
          {{- include "fileItems" . | nindent 10 }}
        optional: {type: boolean}
        secretName: {type: string}
{{- end }}
