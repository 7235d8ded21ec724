{{- /* Parts of the CRDs, typed as in those of Kuadrant 1.5.2. Each is included where a schema goes. */}}

{{- define "metav1Conditions" -}}
type: array
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [type]
items:
  type: object
  required: [lastTransitionTime, message, reason, status, type]
  properties:
    lastTransitionTime: {type: string, format: date-time}
    message: {type: string, maxLength: 32768}
    observedGeneration: {type: integer, format: int64, minimum: 0}
    reason: {type: string, minLength: 1, maxLength: 1024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$'}
    status: {type: string, enum: ["True", "False", Unknown]}
    type:
      type: string
      maxLength: 316
      pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$'
{{- end }}

{{- define "status" -}}
type: object
properties:
  conditions:
    {{- include "metav1Conditions" . | nindent 4 }}
  observedGeneration: {type: integer, format: int64}
{{- end }}

{{- define "targetRef" -}}
{{- /* Takes the list of kinds that the policy may target. */ -}}
{{- $group := "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" -}}
type: object
required: [group, kind, name]
properties:
  group: {type: string, maxLength: 253, pattern: '{{ $group }}'}
  kind: {type: string, minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$'}
  name: {type: string, minLength: 1, maxLength: 253}
  sectionName: {type: string, minLength: 1, maxLength: 253, pattern: '{{ trimPrefix "^$|" $group }}'}
x-kubernetes-validations:
  - {rule: self.group == 'gateway.networking.k8s.io', message: the group of a target is gateway.networking.k8s.io}
  - {rule: "self.kind in ['{{ join "', '" . }}']", message: "a target of this policy is of kind {{ join " or " . }}"}
{{- end }}

{{- define "strategy" -}}
{type: string, enum: [atomic, merge], default: atomic}
{{- end }}

{{- define "quantity" -}}
anyOf: [{type: integer}, {type: string}]
pattern: ^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$
x-kubernetes-int-or-string: true
{{- end }}

{{- define "secretRef" -}}
type: object
x-kubernetes-map-type: atomic
properties:
  name: {type: string, default: ""}
{{- end }}

{{- define "intOrString" -}}
{anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
{{- end }}

{{- define "policyColumns" -}}
{{- range list "Accepted" "Enforced" }}
- {name: {{ . }}, type: string, priority: 2, jsonPath: '.status.conditions[?(@.type=="{{ . }}")].status'}
{{- end }}
- {name: TargetKind, type: string, priority: 2, jsonPath: .spec.targetRef.kind}
- {name: TargetName, type: string, priority: 2, jsonPath: .spec.targetRef.name}
- {name: TargetSection, type: string, priority: 2, jsonPath: .spec.targetRef.sectionName}
- {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
{{- end }}
