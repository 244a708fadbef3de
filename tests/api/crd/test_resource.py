"""The resource as the API server stores and shows it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.processes import tool
from tests.unit.api.documents import document

pytestmark = pytest.mark.usefixtures("without_operator")


@pytest.fixture
def smallest(client: Client, namespace: str) -> dict[str, Any]:
    """The smallest resource, stored."""
    return client.create(document() | {"metadata": {"name": "model", "namespace": namespace}})


def test_defaults_are_stored(smallest: Mapping[str, Any]) -> None:
    assert smallest["spec"] == {
        "model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"},
        "tensorParallel": 1,
        "device": "gpu",
        "gpuResource": "nvidia.com/gpu",
        "engine": {
            "enforceEager": False,
            "trustRemoteCode": False,
            "generation": {"temperature": 0.7, "topP": 0.95, "maxTokens": 256},
        },
        "limits": {"bodyBytes": 10485760, "prompts": 64, "queue": 256, "queueSeconds": 30},
        "replicas": 1,
        "startup": {"budgetSeconds": 1800},
        "drain": {"timeoutSeconds": 600},
        "podDisruptionBudget": {"enabled": True},
        "service": {"type": "ClusterIP"},
        "rollout": {"onFailure": "RollBack"},
        "monitoring": {"enabled": True},
    }


def test_scale_of_the_smallest_resource_can_be_read(
    client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    scale = client.request("GET", client.path("InferenceModel", namespace, "model", "scale"))
    assert scale["kind"] == "Scale"
    assert scale["spec"] == {"replicas": 1}


def test_scale_of_the_smallest_resource_can_be_changed(
    client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    client.patch("InferenceModel", namespace, "model", {"spec": {"replicas": 3}}, "scale")
    assert client.get("InferenceModel", namespace, "model")["spec"]["replicas"] == 3


def test_scale_shows_the_status_replicas_and_selector(
    client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    status = {"replicas": 2, "selector": "inference.sirocco.dev/model=model"}
    client.patch("InferenceModel", namespace, "model", {"status": status}, "status")
    scale = client.request("GET", client.path("InferenceModel", namespace, "model", "scale"))
    assert scale["status"] == status


def test_a_write_of_the_resource_does_not_touch_its_status(
    client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    client.patch("InferenceModel", namespace, "model", {"status": {"replicas": 9}})
    assert "replicas" not in client.get("InferenceModel", namespace, "model").get("status", {})


def kubectl(cluster: ControlPlane, *arguments: str) -> str:
    """What kubectl prints; fails the test with what it complains about."""
    done = _kubectl(cluster, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kubectl_refuses(cluster: ControlPlane, *arguments: str) -> str:
    """What kubectl complains about; fails the test when it does what it is told."""
    done = _kubectl(cluster, *arguments)
    assert done.returncode != 0, done.stdout
    return done.stderr


def _kubectl(cluster: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [tool("kubectl"), "--kubeconfig", str(cluster.kubeconfig("admin")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_kubectl_shows_state_size_and_endpoint(
    cluster: ControlPlane, client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "LoadingModel",
        "message": "loading",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }
    status = {
        "conditions": [condition],
        "reason": "LoadingModel",
        "readyReplicas": 1,
        "desiredReplicas": 2,
        "gpus": 4,
        "endpoint": "http://model.default.svc",
    }
    client.patch("InferenceModel", namespace, "model", {"status": status}, "status")
    heads, row = kubectl(cluster, "get", "imodel", "-n", namespace).splitlines()
    assert heads.split() == ["NAME", "READY", "REASON", "SERVING", "DESIRED", "GPUS", "ENDPOINT", "AGE"]
    assert row.split()[:-1] == ["model", "False", "LoadingModel", "1", "2", "4", "http://model.default.svc"]


def test_kubectl_shows_who_may_use_it_when_asked_for_more(
    cluster: ControlPlane, client: Client, namespace: str, smallest: Mapping[str, Any]
) -> None:
    client.patch("InferenceModel", namespace, "model", {"status": {"access": "Keys"}}, "status")
    heads, row = kubectl(cluster, "get", "imodel", "-n", namespace, "-o", "wide").splitlines()
    assert (heads.split()[-1], row.split()[-1]) == ("ACCESS", "Keys")


def test_kubectl_get_all_lists_it(cluster: ControlPlane, namespace: str, smallest: Mapping[str, Any]) -> None:
    assert "inferencemodel.inference.sirocco.dev/model" in kubectl(cluster, "get", "all", "-n", namespace)


def test_kubectl_refuses_a_misspelt_field_of_what_is_passed_on(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(document(affinity={"nodeAfinity": {}})))
    for how in ("--server-side", "--server-side=false"):
        refusal = kubectl_refuses(cluster, "apply", how, "-n", namespace, "-f", str(file))
        assert "nodeAfinity" in refusal


def test_another_client_is_warned_of_a_field_that_is_dropped(client: Client, namespace: str) -> None:
    manifest = document(affinity={"nodeAfinity": {}}) | {
        "metadata": {"name": "model", "namespace": namespace}
    }
    answer = client.raw("POST", client.path("InferenceModel", namespace), manifest)
    assert answer.json()["spec"]["affinity"] == {}
    assert "spec.affinity.nodeAfinity" in answer.headers["Warning"]


def test_kubectl_explains_what_is_passed_on_and_defaults(cluster: ControlPlane) -> None:
    assert "configMap\t<Object>" in kubectl(cluster, "explain", "imodel.spec.volumes")
    assert "nodeAffinity\t<Object>" in kubectl(cluster, "explain", "imodel.spec.affinity")
    assert "Default: 1." in kubectl(cluster, "explain", "imodel.spec.replicas")


def test_kubectl_explains_its_fields(cluster: ControlPlane) -> None:
    explained = kubectl(cluster, "explain", "imodel.spec.engine.maxModelLen")
    assert "Longest prompt plus answer, in tokens" in explained
