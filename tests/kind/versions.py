"""Every version that the tools, the cluster and the base image are pinned to."""

KUBERNETES = "v1.35.4"
"""Built from source; 1.35 is the last release whose kubelet runs on cgroup v1."""

KUBERNETES_LIBRARIES = "v0.35.4"
"""The release of the k8s.io libraries that belongs to KUBERNETES."""

ETCD = "v3.6.6"
COREDNS = "v1.13.1"
CONTAINERD = "v2.2.2"
NODE_MODULES = {
    "k8s.io/kubernetes": KUBERNETES,
    "go.etcd.io/etcd/server/v3": ETCD,
    "github.com/coredns/coredns": COREDNS,
    "github.com/containerd/containerd/v2": CONTAINERD,
}
"""The modules of the node's programs, built as one: a library has the highest version asked for."""

KIND = "v0.33.0"
HELM = "v4.3.1"
HELM3 = "v3.19.0"
KSTATUS = "v1.2.2"
"""Flux's fork of cli-utils, at the version that HELM uses."""

CLI_UTILS = "v0.37.2"
KUBECONFORM = "v0.8.0"
JAEGER = "v1.76.0"
COMPOSE = "v2.40.3"
"""The last 2.x, which works with Debian's Docker 20.10."""

PROMETHEUS_OPERATOR = "v0.85.0"

PROMETHEUS = "2.42"
"""In DEBIAN's package, with Debian's security fixes."""

PROMETHEUS3 = "v0.316.0"
"""The Go module's number of Prometheus 3.16.0: what prometheus-operator is tried with."""

ALERTMANAGER = "v0.31.1"
"""The last whose Go module holds the files of its pages; those after it can't be built from it alone."""

PAUSE_TAGS = ("3.10", "3.10.1")
"""containerd's and kubeadm's idea of the pause image."""

ETCD_IMAGE_TAG = "3.6.6-0"
"""The tag under which kubeadm of KUBERNETES asks for etcd."""

PUBLISHED_NODE_IMAGE = (
    "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"
)
"""From the release notes of KIND."""

DEBIAN = "bookworm"
BASE_IMAGE = f"debian:{DEBIAN}-slim"

KEDA = "v2.19.0"
PROMETHEUS_ADAPTER = "v0.12.0"
