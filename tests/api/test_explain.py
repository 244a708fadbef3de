"""`sirocco explain` against a real API server; the test writes what a kubelet and a scheduler would."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.api.certificates import Authority
from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_reason
from tests.api.operator_process import OperatorProcess
from tests.api.test_surroundings import condition, place, tell, wait_pod
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

TOKEN = "hf_abcdefghijklmnopqrst"  # noqa: S105 - of nobody
CRASH = "torch.OutOfMemoryError: CUDA out of memory."


@pytest.fixture(autouse=True)
def no_placed_pods(client: Client, namespace: str) -> Iterator[None]:
    """A pod that was placed waits for its kubelet to be deleted: take it away by force, for its namespace."""
    yield
    for pod in client.objects("Pod", namespace):
        client.request(
            "DELETE", client.path("Pod", namespace, pod["metadata"]["name"]), gracePeriodSeconds="0"
        )


def explain(cluster: ControlPlane, *arguments: str, user: str = "admin") -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return subprocess.run(
        [str(Path(sys.executable).parent / "sirocco"), "explain", *arguments],
        env={**environment, "KUBECONFIG": str(cluster.kubeconfig(user))},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def crash(client: Client, namespace: str) -> str:
    """Let the model's pod be placed, and its engine crash; returns the pod's name."""
    pod = wait_pod(client, namespace)
    place(client, pod)
    ended = {"exitCode": 1, "reason": "Error", "message": CRASH, "finishedAt": "2026-01-01T00:00:30Z"}
    engine = {
        "name": "vllm",
        "ready": False,
        "started": False,
        "restartCount": 4,
        "image": "x",
        "imageID": "x",
    }
    tell(
        client,
        pod,
        {
            "phase": "Running",
            "conditions": [condition("PodScheduled", "True"), condition("Ready", "False")],
            "containerStatuses": [
                {
                    **engine,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": ended},
                }
            ],
        },
    )
    name: str = pod["metadata"]["name"]
    return name


def test_a_crashed_model_is_explained_on_one_screen(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    client.create(model(namespace))
    pod = crash(client, namespace)
    status = wait_reason(client, namespace, "OutOfGPUMemory")

    def screen() -> str:
        text = explain(cluster, "mistral", "-n", namespace).stdout
        # The event is written beside the pass.
        assert "Warning  InferenceModel  OutOfGPUMemory" in text, text
        return text

    told = eventually(screen, DEADLINE, "the screen with the event", 0.5)

    assert f"InferenceModel {namespace}/mistral, generation 1" in told
    assert " ".join(f"OutOfGPUMemory: {status['message']}".split()) in " ".join(told.split())
    for each in status["conditions"]:
        assert f"{each['type']} " in told
    assert f"{pod} vllm: exit code 1 (Error)" in told
    assert f"    {CRASH}" in told
    assert f"kubectl logs -n {namespace} {pod} -c vllm --previous" in told
    # There is no kubelet that could be asked.
    assert "the logs of pods cannot be read" in told
    assert "No operator" not in told


class Kubelet(BaseHTTPRequestHandler):
    """What a kubelet answers that is asked for the log of an engine's run before its restart."""

    def do_GET(self) -> None:
        is_before = self.path.startswith("/containerLogs/") and "previous=true" in self.path
        body = f"INFO: loading\nWARNING: slow\n{CRASH} {TOKEN}\nINFO: bye\n".encode() if is_before else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def kubelet(client: Client, tmp_path: Path) -> Iterator[None]:
    """The kubelet of the node that pods are placed on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
    made = Authority(tmp_path, "kubelet-ca").client("kubelet")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": server.server_port}},
    }
    client.patch("Node", None, "node-0", {"status": status}, subresource="status")
    yield
    client.delete("Node", None, "node-0")
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("kubelet")
def test_the_line_of_the_log_that_names_the_error_is_shown_without_secrets(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    client.create(model(namespace))
    pod = crash(client, namespace)
    wait_reason(client, namespace, "OutOfGPUMemory")

    told = explain(cluster, "mistral", "-n", namespace).stdout

    assert f"LOG LINES\n  {pod} vllm, the run before:\n    {CRASH} ***\n\n" in told
    assert "NOT SEEN" not in told
    assert TOKEN not in told


def test_without_an_operator_the_reason_is_found_and_the_status_is_doubted(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_reason(client, namespace, "Starting")
    assert operator.stop() == 0
    try:
        crash(client, namespace)
        client.patch(
            "InferenceModel", namespace, "mistral", {"spec": {"replicas": 1, "podLabels": {"a": "b"}}}
        )
        told = explain(cluster, "mistral", "-n", namespace).stdout
    finally:
        operator.start()

    assert "! No operator leads: nobody holds the Lease sirocco-system/sirocco-operator" in told
    assert (
        "! The status is of generation 1, the model of generation 2: the last change is not handled." in told
    )
    assert f"OutOfGPUMemory: the engine ended; vLLM says: {CRASH.rstrip('.')}" in " ".join(told.split())


def test_who_may_read_only_the_model_gets_what_it_tells(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    rules = [{"apiGroups": ["inference.sirocco.dev"], "resources": ["inferencemodels"], "verbs": ["get"]}]
    client.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "reader", "namespace": namespace},
            "rules": rules,
        }
    )
    client.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "reader", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "User", "name": "person"}],
        }
    )
    client.create(model(namespace, replicas=0))
    wait_reason(client, namespace, "Stopped")

    ended = explain(cluster, "mistral", "-n", namespace, user="person")

    assert ended.returncode == 0, ended.stderr
    assert "Stopped: " in ended.stdout
    for what in ("pods", "deployments", "events"):
        assert f"the {what} in {namespace} may not be read with these credentials" in ended.stdout
    assert "No operator" not in ended.stdout


def test_with_the_operators_own_rights_only_the_logs_are_not_seen(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    client.create(model(namespace, cache={"claimName": "weights"}))
    crash(client, namespace)
    wait_reason(client, namespace, "OutOfGPUMemory")

    told = explain(cluster, "mistral", "-n", namespace, user="operator").stdout

    assert "NOT SEEN\n  the logs of pods may not be read with these credentials\n\n" in told
    assert f"    {CRASH}" in told


def test_a_model_that_is_not_there_is_told(cluster: ControlPlane, namespace: str) -> None:
    ended = explain(cluster, "nobody", "-n", namespace)

    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"sirocco: there is no InferenceModel nobody in the namespace {namespace}: `kubectl get "
        f"inferencemodels"
    )
    assert ended.stdout == ""


def test_who_may_not_read_the_model_is_told(cluster: ControlPlane, namespace: str) -> None:
    ended = explain(cluster, "mistral", "-n", namespace, user="person")

    assert ended.returncode == 1
    assert f"sirocco: {namespace}/mistral cannot be read: " in ended.stderr
    assert "Traceback" not in ended.stderr
