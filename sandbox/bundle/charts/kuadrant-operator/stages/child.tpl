{{- /* What every child of this object has in its metadata, but for the name. The object's generation goes along, for the
       Stage that writes its status looks at the child only. */}}
{{- $owner := dict "apiVersion" .apiVersion "kind" .kind "name" .metadata.name "uid" .metadata.uid
                   "controller" true "blockOwnerDeletion" true }}
{{- $mark := dict "sandbox.maas-billing.platform/generation" (toString .metadata.generation) }}
{{- $metadata := dict "namespace" .metadata.namespace "ownerReferences" (list $owner) "annotations" $mark }}
