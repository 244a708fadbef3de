"""What waits for a model: `kubectl wait` and Helm 4's `--wait`, with the real operator behind."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.models import DEADLINE, model, wait_reason
from tests.api.processes import tool

pytestmark = pytest.mark.usefixtures("operator")

REVISION = "example.com/revision"


def statuses(status: Object) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status["conditions"]}


def wait_ready(cluster: ControlPlane, namespace: str) -> "subprocess.Popen[bytes]":
    """A started `kubectl wait`."""
    wait = ["wait", "--for=condition=Ready", "imodel/mistral", f"--timeout={DEADLINE:g}s"]
    config = ["--kubeconfig", str(cluster.kubeconfig("admin"))]
    return subprocess.Popen([tool("kubectl"), *wait, "--namespace", namespace, *config])


def helm_install(
    cluster: ControlPlane, namespace: str, folder: Path, **spec: Any
) -> "subprocess.CompletedProcess[str]":
    """Install a chart with one model, and wait for it."""
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "m", "version": "1.0.0"}))
    (folder / "templates" / "model.yaml").write_text(yaml.safe_dump(model(namespace, **spec)))
    install = ["install", "m", str(folder), "--wait", "--timeout", f"{DEADLINE:g}s"]
    config = ["--kubeconfig", str(cluster.kubeconfig("admin"))]
    command = [tool("helm"), *install, "--namespace", namespace, *config]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * DEADLINE)


def test_kubectl_wait_returns_when_the_spec_that_was_applied_serves(
    cluster: ControlPlane, client: Client, namespace: str
) -> None:
    with Kubelet(client, namespace, most_ready=1) as kubelet:
        client.create(model(namespace))
        wait_reason(client, namespace, "Ready")
        change = {"spec": {"podAnnotations": {REVISION: "2"}}}
        client.patch("InferenceModel", namespace, "mistral", change)
        waiting = wait_ready(cluster, namespace)
        status = wait_reason(client, namespace, "RollingOut")
        assert statuses(status) == {
            "Ready": "False",
            "Available": "True",
            "Reconciling": "True",
            "Stalled": "False",
        }
        assert waiting.poll() is None, "the old revision alone serves"
        kubelet.most_ready = 2
        assert waiting.wait(DEADLINE) == 0
        live = [
            pod for pod in client.objects("Pod", namespace) if not pod["metadata"].get("deletionTimestamp")
        ]
        assert [pod["metadata"]["annotations"].get(REVISION) for pod in live] == ["2"]


def test_helm_waits_until_a_model_serves(
    cluster: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    with Kubelet(client, namespace):
        done = helm_install(cluster, namespace, tmp_path)
        assert done.returncode == 0, done.stderr
        status = client.get("InferenceModel", namespace, "mistral")["status"]
    assert (status["reason"], status["readyReplicas"]) == ("Ready", 1)


def test_helm_takes_a_stopped_model_as_settled(
    cluster: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    done = helm_install(cluster, namespace, tmp_path, replicas=0)
    assert done.returncode == 0, done.stderr
    assert client.get("InferenceModel", namespace, "mistral")["status"]["reason"] == "Stopped"


def test_helm_ends_with_the_cause_when_a_model_is_stalled(
    cluster: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    metadata = {"name": "mistral", "namespace": namespace}
    client.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 9}]}}
    )
    done = helm_install(cluster, namespace, tmp_path)
    assert done.returncode != 0
    assert statuses(wait_reason(client, namespace, "NameConflict"))["Stalled"] == "True"
    assert "context deadline exceeded" not in done.stderr
