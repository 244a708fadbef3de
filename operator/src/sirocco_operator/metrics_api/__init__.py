"""The operator's own implementation of custom.metrics.k8s.io: how busy models' pods are, for their HPAs."""
