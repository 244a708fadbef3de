"""The kind cluster: create it, tell a healthy one from a half-dead one, give it GPUs, remove it."""

from pathlib import Path

from tests.kind import config, docker, nodeimage, store
from tests.kind.keys import key_of
from tests.kind.paths import BIN, CACHE, WORK
from tests.kind.steps import StepError, output_of, run_logged, say, step, succeeds

MARK = "/run/sirocco-cluster"
"""In the node, in memory: holds the key of the configuration once the cluster was complete.

A node that was restarted has lost it, and is made anew rather than trusted.
"""

ADVICE = (
    f"Look at `docker logs {config.NODE}` and `docker exec {config.NODE} journalctl -u kubelet`; the node"
    " stays for that. Running this again starts with a new one."
)

_KUBECTL: tuple[str | Path, ...] = (BIN / "kubectl", "--context", config.CONTEXT)


def ensure(gpus: int) -> None:
    """Have a ready cluster with so many fake GPUs; raises StepError."""
    image = nodeimage.ensure()
    built = not nodeimage.published()
    text = config.cluster_config(image, CACHE / "audit", store.folder(), built=built)
    key = key_of(text, docker.image_key(image) or image, config.audit_policy())
    if completed_with() == key and is_ready():
        say(f"the cluster {config.CLUSTER} is up")
    else:
        delete()
        if built:
            store.ensure()
        with store.writing():
            _create(text, key)
    set_gpus(gpus)


def completed_with() -> str | None:
    """Return the key that the cluster was completed with; None when it was not, or its node has restarted."""
    try:
        return docker.docker("exec", config.NODE, "cat", MARK).strip()
    except StepError:
        return None


def is_ready() -> bool:
    """Say whether the API server and the node are ready now."""
    try:
        return kubectl("get", "--raw", "/readyz", seconds=10) == "ok" and _node_is_ready()
    except StepError:
        return False


def exists() -> bool:
    """Say whether the node's container is there, running or not."""
    return succeeds([docker.client(), "container", "inspect", config.NODE])


def delete() -> None:
    """Remove the cluster and its entry in kubeconfig, if there is one."""
    if not exists():
        return
    with step(f"remove the cluster {config.CLUSTER}"):
        command: list[str | Path] = [BIN / "kind", "delete", "cluster", "--name", config.CLUSTER]
        run_logged(
            command, "kind-delete", advice=f"Try `docker rm -f -v {config.NODE}`, then run this again."
        )
        if exists():
            docker.docker("rm", "--force", "--volumes", config.NODE)


def kubectl(*arguments: str, seconds: float = 60) -> str:
    """Call kubectl on the cluster and return its output; raises StepError."""
    return output_of([*_KUBECTL, *arguments], seconds=seconds)


def set_gpus(count: int) -> None:
    """Give the node fake GPUs and the labels that name them, or take them away with 0."""
    patch = (
        "patch",
        "node",
        config.NODE,
        "--subresource=status",
        "--type=json",
        "-p",
        config.gpu_patch(count),
    )
    kubectl(*patch)
    kubectl("label", "node", config.NODE, "--overwrite", *config.gpu_labels(count))
    say(f"    the node has {count} GPUs of the name nvidia.com/gpu (none is real)")


def _create(text: str, key: str) -> None:
    (CACHE / "audit").mkdir(exist_ok=True)
    (CACHE / "audit" / Path(config.AUDIT_POLICY).name).write_text(config.audit_policy())
    path = WORK / "kind.json"
    path.write_text(text)
    with step(f"create the cluster {config.CLUSTER}"):
        create: list[str | Path] = [BIN / "kind", "create", "cluster", "--config", path]
        run_logged([*create, "--retain", "--wait", "180s"], "kind-create", advice=ADVICE)
    with step("keep cluster addresses inside the node"):
        for rule in config.reject_rules():
            docker.docker("exec", config.NODE, "iptables", "-w", "-A", *rule)
    with step("wait for the cluster's DNS"):
        rollout = ["rollout", "status", "deployment/coredns", "--timeout=180s"]
        run_logged([*_KUBECTL, "--namespace", "kube-system", *rollout], "coredns", advice=ADVICE)
        if not _node_is_ready():
            raise StepError(f"the node is not Ready. {ADVICE}")
    docker.docker("exec", config.NODE, "sh", "-c", f"echo {key} > {MARK}")


def _node_is_ready() -> bool:
    query = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "node", config.NODE, "-o", f"jsonpath={query}", seconds=10) == "True"
