"""What is read beside the children: pods, their events, and how far a download is."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.api.client import Client, Object
from tests.api.models import DEADLINE, model, wait_reason
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

# Of the loopback network, so that a pod can claim it; another in each run of the tests.
POD_ADDRESS = f"127.1.{os.getpid() >> 8 & 255}.{os.getpid() % 254 + 1}"


@pytest.fixture(autouse=True)
def no_placed_pods(client: Client, namespace: str) -> Iterator[None]:
    """A pod that was placed waits for its kubelet to be deleted: take it away by force, for its namespace."""
    yield
    for pod in client.objects("Pod", namespace):
        client.request(
            "DELETE", client.path("Pod", namespace, pod["metadata"]["name"]), gracePeriodSeconds="0"
        )


def wait_pod(client: Client, namespace: str) -> Object:
    """The pod that the Deployment's ReplicaSet made."""
    pods = eventually(lambda: client.objects("Pod", namespace), DEADLINE, "a pod", 0.05)
    return pods[0]


def place(client: Client, pod: Object) -> None:
    """Do as the scheduler does."""
    metadata = pod["metadata"]
    client.request(
        "POST",
        client.path("Pod", metadata["namespace"], metadata["name"], "binding"),
        {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "node-0"},
        },
    )


def tell(client: Client, pod: Object, status: Object) -> None:
    """Do as the kubelet does."""
    metadata = pod["metadata"]
    client.patch("Pod", metadata["namespace"], metadata["name"], {"status": status}, subresource="status")


def condition(kind: str, status: str, **more: str) -> Object:
    return {"type": kind, "status": status, **more}


def pending(state: Object) -> Object:
    """A scheduled pod whose download is in that state."""
    download = {"name": "download", "ready": False, "restartCount": 0, "image": "x", "imageID": "x"}
    return {
        "phase": "Pending",
        "conditions": [condition("PodScheduled", "True"), condition("Ready", "False")],
        "initContainerStatuses": [{**download, "state": state}],
    }


class Progress(BaseHTTPRequestHandler):
    """The downloader's answer."""

    def do_GET(self) -> None:
        body = json.dumps({"done_bytes": 3_000_000_000, "total_bytes": 14_000_000_000}).encode()
        self.send_response(200 if self.path == "/progress" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def downloader() -> Iterator[None]:
    """A downloader in the pod's place."""
    server = ThreadingHTTPServer((POD_ADDRESS, 8001), Progress)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()


def test_a_ready_pod_makes_the_model_ready(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    pod = wait_pod(client, namespace)
    place(client, pod)
    tell(
        client,
        pod,
        {
            "phase": "Running",
            "podIP": POD_ADDRESS,
            "conditions": [condition("PodScheduled", "True"), condition("Ready", "True")],
            "containerStatuses": [
                {
                    "name": "vllm",
                    "ready": True,
                    "restartCount": 0,
                    "image": "x",
                    "imageID": "x",
                    "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                }
            ],
        },
    )
    status = wait_reason(client, namespace, "Ready")
    assert status["readyReplicas"] == 1
    assert {each["type"]: each["status"] for each in status["conditions"]}["Ready"] == "True"


@pytest.mark.usefixtures("downloader")
def test_a_download_is_told_in_bytes(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    pod = wait_pod(client, namespace)
    place(client, pod)
    tell(
        client,
        pod,
        {
            **pending({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
            "podIP": POD_ADDRESS,
            "podIPs": [{"ip": POD_ADDRESS}],
        },
    )
    status = wait_reason(client, namespace, "Downloading")

    def bytes_told() -> bool:
        message = client.get("InferenceModel", namespace, "mistral")["status"]["message"]
        assert "3.0 of 14.0 GB" in message
        return True

    assert status["readyReplicas"] == 0
    eventually(bytes_told, DEADLINE, "the bytes in the message", 0.1)


def test_an_event_of_a_pod_explains_what_it_waits_for(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    pod = wait_pod(client, namespace)
    metadata = pod["metadata"]
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "pulling", "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": namespace,
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": "Normal",
            "reason": "Pulling",
            "message": 'Pulling image "example.com/serving:1"',
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
    )
    place(client, pod)
    tell(client, pod, pending({"waiting": {"reason": "PodInitializing"}}))
    status = wait_reason(client, namespace, "PullingImage")
    assert "example.com/serving:1" in status["message"]


def test_a_pod_that_waits_for_gpus_is_told_with_the_nodes_gpus(client: Client, namespace: str) -> None:
    node = f"node-{namespace}"
    gpus = {"nvidia.com/gpu": "2"}
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node},
            "status": {"capacity": gpus, "allocatable": gpus},
        }
    )
    # A new node is marked as not ready, and no kubelet takes the mark away.
    client.patch("Node", None, node, {"spec": {"taints": None}})
    client.create(model(namespace, tensorParallel=4))
    pod = wait_pod(client, namespace)
    message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    tell(
        client,
        pod,
        {"conditions": [condition("PodScheduled", "False", reason="Unschedulable", message=message)]},
    )
    status = wait_reason(client, namespace, "InsufficientGPU")
    assert "4" in status["message"]
    assert "2" in status["message"]
    client.delete("Node", None, node)
