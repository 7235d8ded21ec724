{{- /* Names and labels of what KServe makes for an InferenceService. Its own labels and annotations go along, to the pods
       too; so a label that says who owns the InferenceService is found on its children. */}}
{{- $predictor := .spec.predictor }}
{{- $name := printf "%s-predictor" .metadata.name }}
{{- $app := printf "isvc.%s" $name }}
{{- $ours := dict "app" $app "component" "predictor" "serving.kserve.io/inferenceservice" .metadata.name }}
{{- $labels := merge $ours ($predictor.labels | default dict) (.metadata.labels | default dict) }}
{{- $annotations := omit (merge (dict) ($predictor.annotations | default dict) (.metadata.annotations | default dict))
                         "kubectl.kubernetes.io/last-applied-configuration" }}
{{- $owner := dict "apiVersion" .apiVersion "kind" .kind "name" .metadata.name "uid" .metadata.uid
                   "controller" true "blockOwnerDeletion" true }}
{{- $metadata := dict "name" $name "namespace" .metadata.namespace "labels" $labels "annotations" $annotations
                      "ownerReferences" (list $owner) }}
