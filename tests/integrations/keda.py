"""KEDA in the cluster by its own manifests: its operator and its server of external metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import yaml

from tests.e2e import leader
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl, Object
from tests.integrations.manifests import apply, delete
from tests.kind import programs, tools, versions
from tests.waiting import eventually

MODULE: Final = "github.com/kedacore/keda/v2"
API_SERVICE: Final = "v1beta1.external.metrics.k8s.io"
NAMESPACE: Final = "keda"
# The Deployments of its manifests, and the programs that they run.
_PROGRAMS: Final = {"keda-operator": "keda-operator", "keda-metrics-apiserver": "keda-adapter"}
# Its admission webhooks, which refuse what we never make, are left out.
_MORE_ARGUMENTS: Final = {"keda-operator": ["--enable-webhook-patching=false"]}


@contextmanager
def keda(operator: Kubectl) -> Iterator[Kubectl]:
    """KEDA, which answers; at the end it is gone, and our operator knows it. Yields kubectl in its namespace.

    ScaledObjects have to be gone before it is: it has a finalizer on each.
    """
    programs.ensure(*_PROGRAMS.values())
    kubectl = Kubectl(NAMESPACE)
    # Just restarted, none may lead yet.
    before = eventually(lambda: leader.watched_kinds(operator), 60, "a leader to say what it watches")
    objects = _manifests(kubectl)
    try:
        try:
            _start(kubectl, objects)
        except AssertionError as error:
            error.add_note(diagnose([NAMESPACE]))
            raise
        yield kubectl
    finally:
        delete(objects)
        eventually(
            lambda: leader.watched_kinds(operator) == before,
            120,
            f"the operator to say again that it watches {before} kinds",
            interval=1,
        )


def _manifests(kubectl: Kubectl) -> list[Object]:
    """All of its manifests without the admission webhooks, with our images."""
    folder = tools.module_folder(MODULE, versions.KEDA) / "config" / "minimal"
    objects: list[Object] = list(yaml.safe_load_all(kubectl.run("kustomize", str(folder))))
    for each in objects:
        if each["kind"] == "Deployment":
            _adapt(each)
    return objects


def _adapt(deployment: Object) -> None:
    name = deployment["metadata"]["name"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = programs.image(_PROGRAMS[name])
    container["imagePullPolicy"] = "Never"
    container["args"] += _MORE_ARGUMENTS.get(name, [])
    container["resources"] = {"requests": {"cpu": "20m", "memory": "64Mi"}}


def _start(kubectl: Kubectl, objects: list[Object]) -> None:
    apply(objects)
    for name in _PROGRAMS:
        kubectl.run("rollout", "status", f"deployment/{name}", "--timeout=4m", timeout=270)
    kubectl.run("wait", "--for=condition=Available", f"apiservice/{API_SERVICE}", "--timeout=1m")
