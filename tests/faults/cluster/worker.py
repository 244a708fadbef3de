"""A second node for the kind cluster, joined as kind joins one and taken away again."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.e2e.kubectl import Kubectl
from tests.kind import config, nodeimage
from tests.kind.docker import client, docker
from tests.kind.steps import StepError, output_of
from tests.waiting import eventually

WORKER: Final = f"{config.CLUSTER}-worker"
CNI: Final = "/etc/cni/net.d/10-bridge.conflist"
SOCKET: Final = "unix:///run/containerd/containerd.sock"


@contextmanager
def joined(*images: str) -> Iterator[str]:
    """The name of a node that is ready and has these images, until the end of the block."""
    remove()
    try:
        _start()
        _join()
        if not nodeimage.published():
            _connect()
        ready = "--for=condition=Ready"
        Kubectl().run("wait", ready, f"node/{WORKER}", "--timeout=180s", timeout=200)
        _load(images)
        yield WORKER
    finally:
        remove()


def remove() -> None:
    """Take the node out of the cluster, as far as it is there."""
    # A container that is paused can be neither asked nor stopped.
    for command in (("unpause", WORKER), ("rm", "--force", "--volumes", WORKER)):
        try:
            docker(*command)
        except StepError:
            continue
    node = Kubectl().get("node", WORKER)
    if node is None:
        return
    if not nodeimage.published():
        _disconnect(str(node["spec"]["podCIDR"]))
    Kubectl().delete("node", WORKER)


def _start() -> None:
    """Run the node's container, with what kind gives to one."""
    labels = {"io.x-k8s.kind.cluster": config.CLUSTER, "io.x-k8s.kind.role": "worker"}
    options = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    namespaces = str(_inspected(config.NODE)["HostConfig"].get("CgroupnsMode") or "")
    if namespaces:
        options.append(f"--cgroupns={namespaces}")
    docker(
        *("run", "--detach", "--tty", "--name", WORKER, "--hostname", WORKER, "--net", "kind"),
        *("--privileged", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *("--tmpfs", "/tmp", "--tmpfs", "/run", "--volume", "/var"),  # noqa: S108
        *("--volume", "/lib/modules:/lib/modules:ro"),
        *options,
        _inspected(config.NODE)["Config"]["Image"],
    )

    def up() -> bool:
        return "active" in _in(WORKER, "sh", "-c", "systemctl is-active containerd || true").split()

    eventually(up, 90, "the node's containerd", interval=1)


def _join() -> None:
    command = _in(config.NODE, "kubeadm", "token", "create", "--print-join-command")
    if not nodeimage.published():
        # It is for the first node; pods would get addresses that are taken.
        _in(WORKER, "rm", "--force", CNI)
    options = ["--ignore-preflight-errors=all", f"--cri-socket={SOCKET}"]
    docker("exec", WORKER, *shlex.split(command), *options, seconds=180)


def _connect() -> None:
    """Give the node its part of the pods' network, and let both nodes reach the other's."""
    networks = {name: _pod_network(name) for name in (config.NODE, WORKER)}
    written = _in(config.NODE, "cat", CNI).replace(networks[config.NODE], networks[WORKER])
    _in(WORKER, "sh", "-c", f"cat > {CNI} <<'END'\n{written}\nEND")
    _in(config.NODE, "ip", "route", "replace", networks[WORKER], "via", _address(WORKER))
    _in(WORKER, "ip", "route", "replace", networks[config.NODE], "via", _address(config.NODE))
    _in(config.NODE, "iptables", "-w", "-I", *_accepted(networks[WORKER]))


def _disconnect(network: str) -> None:
    # Either may be gone with a half-made node.
    for command in (["ip", "route", "del", network], ["iptables", "-w", "-D", *_accepted(network)]):
        _in(config.NODE, "sh", "-c", f"{shlex.join(command)} || true")


def _accepted(network: str) -> list[str]:
    """The packet rule that lets the first node send to the pods of the second (config.reject_rules)."""
    return ["FORWARD", "-d", network, "-j", "ACCEPT"]


def _pod_network(node: str) -> str:
    def network() -> str:
        found = Kubectl().get("node", node) or {"spec": {}}
        return str(found["spec"].get("podCIDR") or "")

    return eventually(network, 60, f"the pod network of {node}", interval=1)


def _address(node: str) -> str:
    return str(_inspected(node)["NetworkSettings"]["Networks"]["kind"]["IPAddress"])


def _inspected(container: str) -> dict[str, Any]:
    (found,) = json.loads(docker("container", "inspect", container))
    return dict(found)


def _in(node: str, *command: str) -> str:
    return docker("exec", node, *command)


def _load(images: tuple[str, ...]) -> None:
    importing = f"{client()} exec -i {WORKER} ctr -n k8s.io images import -"
    command = f"set -o pipefail; {client()} save {shlex.join(images)} | {importing}"
    output_of(["bash", "-c", command], seconds=300)
