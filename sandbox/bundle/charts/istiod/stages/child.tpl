{{- /* Names and labels of what Istio makes for a Gateway. Labels and annotations are the Gateway's own, unless it has
       some under spec.infrastructure; so a label that says who owns the Gateway is found on its children, too. */}}
{{- $infrastructure := .spec.infrastructure | default dict }}
{{- $ours := dict "gateway.networking.k8s.io/gateway-name" .metadata.name
                  "gateway.networking.k8s.io/gateway-class-name" .spec.gatewayClassName
                  "gateway.istio.io/managed" "istio.io-gateway-controller" }}
{{- $labels := merge $ours ($infrastructure.labels | default .metadata.labels | default dict) }}
{{- $annotations := omit ($infrastructure.annotations | default .metadata.annotations | default dict)
                         "kubectl.kubernetes.io/last-applied-configuration" }}
{{- $owner := dict "apiVersion" .apiVersion "kind" .kind "name" .metadata.name "uid" .metadata.uid }}
{{- $name := printf "%s-istio" .metadata.name }}
{{- $metadata := dict "name" $name "namespace" .metadata.namespace "labels" $labels "annotations" $annotations
                      "ownerReferences" (list $owner) }}
