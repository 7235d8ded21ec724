module sandbox/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.1
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.4.1
)
