"""The operator's implementation of custom.metrics.k8s.io, which tells HPAs how busy models' pods are."""
