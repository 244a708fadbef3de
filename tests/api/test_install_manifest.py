"""What the chart and manifests/install.yaml install, as a real API server takes it."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, SETTINGS, model, wait_child, wait_status
from tests.api.operator_process import RIGHTS, OperatorProcess, install_rights
from tests.api.processes import tool
from tests.chart.helm import render, template
from tests.chart.install_manifest import PATH
from tests.waiting import eventually

CRD_FILE = Path(__file__).parents[2] / "crds" / "inferencemodels.yaml"
EVERYTHING: dict[str, Any] = {
    "networkPolicy": {"enabled": True},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"pool": "system"},
    "tolerations": [{"key": "system", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
}


def kubectl_apply(cluster: ControlPlane, manifests: str) -> str:
    """What `kubectl apply --server-side` says; nothing is kept. Unknown fields are errors."""
    command = [tool("kubectl"), "--kubeconfig", str(cluster.kubeconfig("admin")), "apply", "--server-side"]
    done = subprocess.run(
        [*command, "--dry-run=server", "--validate=strict", "--force-conflicts", "--filename", "-"],
        input=manifests,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def forbidden(calls: Sequence[Object]) -> list[str]:
    """The calls that the operator had no right to."""
    decision = "authorization.k8s.io/decision"
    return sorted(
        {_described(call) for call in calls if call.get("annotations", {}).get(decision) == "forbid"}
    )


def _described(call: Object) -> str:
    target = call.get("objectRef")
    if target is None:
        return f"{call['verb']} {call['requestURI']}"
    return f"{call['verb']} {target.get('resource')} in {target.get('namespace')}"


def test_install_file_is_taken_by_kubectl(cluster: ControlPlane) -> None:
    install_rights(cluster.client)
    said = kubectl_apply(cluster, PATH.read_text())
    assert "deployment.apps/sirocco-operator serverside-applied" in said
    assert len(said.splitlines()) == len([one for one in yaml.safe_load_all(PATH.read_text()) if one])


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_chart_is_taken_by_the_api_server(cluster: ControlPlane, values: Object) -> None:
    install_rights(cluster.client)
    assert "deployment.apps/sirocco-operator" in kubectl_apply(cluster, template(values))


def test_unknown_field_is_refused(cluster: ControlPlane) -> None:
    install_rights(cluster.client)
    broken = PATH.read_text().replace("enableServiceLinks:", "enableServiceLink:")
    with pytest.raises(AssertionError, match="enableServiceLink"):
        kubectl_apply(cluster, broken)


def test_operator_needs_no_right_that_it_does_not_have(
    cluster: ControlPlane, operator: OperatorProcess, client: Client, namespace: str
) -> None:
    # From its start on, and without what an API server that had just begun refused in other tests.
    offset = cluster.audit_offset()
    assert operator.stop() == 0
    operator.start()
    assert operator.http("/readyz") == 200
    client.create(model(namespace, replicas=2))
    for kind, name in (("Deployment", "mistral"), ("ConfigMap", SETTINGS), ("Service", "mistral")):
        wait_child(client, kind, namespace, name)
    wait_child(client, "PodDisruptionBudget", namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 1}})
    eventually(
        lambda: client.find("PodDisruptionBudget", namespace, "mistral") is None,
        DEADLINE,
        "the disruption budget to be deleted",
        0.05,
    )
    wait_status(client, namespace)
    assert forbidden(list(cluster.audit(offset))) == []


@pytest.fixture(scope="module")
def guarded() -> Iterator[ControlPlane]:
    """A control plane whose operator has rights in namespace `watched` alone."""
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())]) as control_plane:
        for name in ("sirocco-system", "watched", "other"):
            control_plane.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for manifest in render({"watchNamespaces": ["watched"]}):
            if manifest["kind"] in RIGHTS:
                control_plane.client.apply(manifest)
        with OperatorProcess(control_plane, watch_namespaces="watched"):
            yield control_plane


def test_namespaced_operator_serves_its_namespace_with_its_role_alone(guarded: ControlPlane) -> None:
    guarded.client.create(model("watched"))
    wait_child(guarded.client, "Deployment", "watched")
    wait_status(guarded.client, "watched")
    assert forbidden(list(guarded.audit())) in ([], ["list nodes in None"])


def test_namespaced_operator_leaves_other_namespaces_alone(guarded: ControlPlane) -> None:
    guarded.client.create(model("other", "ours"))
    guarded.client.create(model("watched", "later"))
    wait_child(guarded.client, "Deployment", "watched", "later")
    assert guarded.client.objects("Deployment", "other") == []
    untouched = {"observedGeneration": -1}
    assert guarded.client.get("InferenceModel", "other", "ours")["status"] == untouched
