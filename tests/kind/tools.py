"""Build the pinned tools, most from Go modules, each once for what it is made from."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.kind import versions
from tests.kind.gomod import build_module
from tests.kind.keys import key_of
from tests.kind.paths import BIN, HERE, NODE_BIN, WORK
from tests.kind.steps import StepError, is_root, output_of, run_logged, say, step

RECIPE = "1"
"""Raise it when the way of building changes in what the other parts of a key don't show."""

ADVICE = "Is the Go module proxy reachable (`go env GOPROXY`)? Then run the same command again."


@dataclass(frozen=True)
class Tool:
    """One program: the Go package, its module's pinned version, how it is built and where it goes."""

    name: str
    package: str
    module: str
    version: str
    how: str = "install"
    tags: str = ""
    folder: Path = BIN
    links: tuple[str, ...] = ()

    def key(self) -> str:
        """Hash everything that decides what comes out."""
        source = self.source()
        parts = (RECIPE, self.name, self.package, self.version, self.how, self.tags, self.ldflags())
        return key_of(*parts, *self.links, source.read_bytes() if source else "")

    def source(self) -> Path | None:
        """Return the main.go of ours that it is built from, if it is."""
        path = HERE / "go" / self.name / "main.go"
        return path if path.exists() else None

    def ldflags(self) -> str:
        """Return the linker flags: stripped, and the version that the program reports."""
        flags = ["-s", "-w"]
        if self.how == "kubernetes":
            major, minor, _ = self.version.removeprefix("v").split(".")
            values = {
                "gitVersion": self.version,
                "gitMajor": major,
                "gitMinor": minor,
                "gitTreeState": "clean",
            }
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
                flags += [f"-X {package}.{name}={value}" for name, value in values.items()]
        if self.name == "docker-compose":
            flags.append(f"-X {self.module}/internal.Version={self.version}")
        if self.name in {"helm", "helm3"}:
            flags.append(f"-X {self.module}/internal/version.version={self.version}")
        return " ".join(flags)

    def is_current(self) -> bool:
        """Say whether the program and its links are there, made from what would be used now."""
        stamp = self.folder / ".stamps" / self.name
        names = (self.name, *self.links)
        there = all(os.access(self.folder / name, os.X_OK) for name in names)
        return there and stamp.exists() and stamp.read_text() == self.key()


KUBE = Tool(
    name="kube",
    package=".",
    module="k8s.io/kubernetes",
    version=versions.KUBERNETES,
    how="kubernetes",
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
ETCD = Tool("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", versions.ETCD, how="require")
KIND = Tool("kind", "sigs.k8s.io/kind", "sigs.k8s.io/kind", versions.KIND)
CHART = (
    Tool("helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4", versions.HELM),
    Tool("helm3", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", versions.HELM3),
    Tool(
        "kubeconform",
        "github.com/yannh/kubeconform/cmd/kubeconform",
        "github.com/yannh/kubeconform",
        versions.KUBECONFORM,
    ),
)
_CONTAINERD = "github.com/containerd/containerd/v2"
NODE = (
    ETCD,
    *(
        Tool(
            name,
            f"{_CONTAINERD}/cmd/{name}",
            _CONTAINERD,
            versions.CONTAINERD,
            tags="no_btrfs no_aufs no_zfs no_devmapper",
            folder=NODE_BIN,
        )
        for name in ("containerd", "ctr", "containerd-shim-runc-v2")
    ),
    Tool(
        "coredns",
        "github.com/coredns/coredns",
        "github.com/coredns/coredns",
        versions.COREDNS,
        folder=NODE_BIN,
    ),
    Tool("pause", ".", "sirocco.dev/pause", "v1", how="source", folder=NODE_BIN),
)
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
    "chart": (KUBE, *CHART),
    "api": (KUBE, ETCD),
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
    if any(tool.how != "debian" for tool in stale) and shutil.which("go") is None:
        raise StepError("Go is missing: install Go 1.26 or later (https://go.dev/dl/), then run this again.")
    for tool in stale:
        with step(f"build {tool.name} {tool.version}"):
            _build(tool)
    if not stale:
        say(f"tools: {len(wanted)} current in {BIN}")


def module_folder(module: str, version: str) -> Path:
    """Download a Go module and return its folder in the module cache."""
    text = output_of(
        ["go", "mod", "download", "-json", f"{module}@{version}"], env={"GO111MODULE": "on"}, seconds=600
    )
    return Path(json.loads(text)["Dir"])


def _build(tool: Tool) -> None:
    (tool.folder / ".stamps").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{tool.name}-", dir=WORK) as folder:
        work = Path(folder)
        built = work / "out" / Path(tool.package).name if tool.how == "install" else work / "out" / tool.name
        (work / "out").mkdir()
        if tool.how == "debian":
            _publish(tool, _unpacked(tool, work))
            return
        env = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", "GOBIN": str(work / "out")}
        flags = ["-trimpath", "-ldflags", tool.ldflags(), *(["-tags", tool.tags] if tool.tags else [])]
        log = f"build-{tool.name}"
        if tool.how == "install":
            env["GOFLAGS"] = "-buildvcs=false"
            target = f"{tool.package}@{tool.version}"
            run_logged(["go", "install", *flags, target], log, advice=ADVICE, env=env, cwd=work)
        else:
            _write_module(tool, work, env)
            run_logged(
                ["go", "build", *flags, "-o", built, tool.package], log, advice=ADVICE, env=env, cwd=work
            )
        _publish(tool, built)


def _unpacked(tool: Tool, work: Path) -> Path:
    """Download and unpack a Debian package; return its program of the tool's name. Raises StepError."""
    if shutil.which("apt-get") is None:
        raise StepError(f"{tool.name} comes from Debian's package {tool.package}: run this on Debian.")
    advice = "Look at the machine's apt sources (`apt-get update` as root), then run this again."
    download = ["apt-get", "download", tool.package]
    try:
        run_logged(download, f"get-{tool.name}", advice=advice, cwd=work)
    except StepError:
        if not is_root():
            raise
        run_logged(["apt-get", "update"], "apt-update", advice=advice)
        run_logged(download, f"get-{tool.name}", advice=advice, cwd=work)
    (archive,) = work.glob("*.deb")
    run_logged(["dpkg-deb", "--extract", archive, work / "package"], f"unpack-{tool.name}", advice=advice)
    program = work / "package" / "usr" / "bin" / tool.name
    reported = output_of([program, "--version"])
    if f"version {tool.version}." not in reported:
        found = reported.partition("\n")[0]
        raise StepError(f"This machine's {tool.package} is not version {tool.version}, but: {found}")
    return program


def _write_module(tool: Tool, work: Path, env: dict[str, str]) -> None:
    source = tool.source()
    if source:
        shutil.copy(source, work / "main.go")
    if tool.how in {"kubernetes", "dependency"}:
        published = module_folder(tool.module, tool.version)
        text = (published / "go.mod").read_text()
        local = versions.KUBERNETES_LIBRARIES if tool.how == "kubernetes" else tool.version
        module = build_module(text, tool.module, tool.version, local)
        (work / "go.mod").write_text(module)
        # The module cache is read-only; go.sum has to grow by the libraries' own sums.
        (work / "go.sum").write_bytes((published / "go.sum").read_bytes())
        return
    (work / "go.mod").write_text("module sirocco.dev/build\n\ngo 1.25\n")
    if tool.how == "require":
        run_logged(
            ["go", "get", f"{tool.module}@{tool.version}"],
            f"get-{tool.name}",
            advice=ADVICE,
            env=env,
            cwd=work,
        )


def _publish(tool: Tool, built: Path) -> None:
    stamp = tool.folder / ".stamps" / tool.name
    stamp.unlink(missing_ok=True)
    built.chmod(0o755)
    os.replace(built, tool.folder / tool.name)
    for link in tool.links:
        path = tool.folder / link
        path.unlink(missing_ok=True)
        path.symlink_to(tool.name)
    stamp.write_text(tool.key())
