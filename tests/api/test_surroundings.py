"""What is read beside the children: pods, their events, and how far a download is."""

import json
import os
from collections.abc import Iterator

import pytest

from sirocco_operator.children.labels import labels
from tests.api.client import Client, Object
from tests.api.models import DEADLINE, model, wait_reason
from tests.api.operator_process import OperatorProcess
from tests.api.raw_pod import OK, RawPod, body, redirect, without_end
from tests.bench.usage import usage
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

# Of the loopback network, so that pods can claim them; others in each run of the tests.
POD_ADDRESS, OTHER_ADDRESS = (
    f"127.{number}.{os.getpid() >> 8 & 255}.{os.getpid() % 254 + 1}" for number in (1, 2)
)
PROGRESS_PORT = 8001


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


def progress(done_gigabytes: int) -> bytes:
    """The downloader's answer, of 14 GB."""
    return json.dumps({"done_bytes": done_gigabytes * 10**9, "total_bytes": 14 * 10**9}).encode()


def download(client: Client, pod: Object, address: str) -> None:
    """Place a pod whose download then runs at this address."""
    place(client, pod)
    running = pending({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
    tell(client, pod, {**running, "podIP": address, "podIPs": [{"ip": address}]})


def wait_message(client: Client, namespace: str, part: str) -> None:
    """Wait until the status says this."""

    def said() -> bool:
        message = client.get("InferenceModel", namespace, "mistral")["status"]["message"]
        assert part in message, message
        return True

    eventually(said, DEADLINE, f"a message with {part}", 0.1)


def wait_asked(pod: RawPod, times: int) -> None:
    """Wait until the operator has asked a pod so many times."""
    eventually(lambda: pod.asked >= times, DEADLINE, f"a pod to be asked {times} times", 0.1)


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


def test_a_download_is_told_in_bytes(client: Client, namespace: str) -> None:
    with RawPod(POD_ADDRESS, PROGRESS_PORT, body(progress(3))):
        client.create(model(namespace))
        download(client, wait_pod(client, namespace), POD_ADDRESS)
        status = wait_reason(client, namespace, "Downloading")
        assert status["readyReplicas"] == 0
        wait_message(client, namespace, "3.0 of 14.0 GB")


def test_a_pod_that_only_has_a_models_labels_is_asked_nothing(client: Client, namespace: str) -> None:
    with (
        RawPod(POD_ADDRESS, PROGRESS_PORT, body(progress(3))) as own,
        RawPod(OTHER_ADDRESS, PROGRESS_PORT, body(progress(1))) as stray,
    ):
        client.create(model(namespace))
        pod = wait_pod(client, namespace)
        container = {"name": "x", "image": "x"}
        made = client.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                # Before the model's own, by its name.
                "metadata": {"name": "a", "namespace": namespace, "labels": labels("mistral")},
                "spec": {"containers": [container], "initContainers": [{**container, "name": "download"}]},
            }
        )
        download(client, made, OTHER_ADDRESS)
        download(client, pod, POD_ADDRESS)
        wait_message(client, namespace, "3.0 of 14.0 GB")
        wait_asked(own, 2)
        assert stray.asked == 0


def test_the_operator_goes_nowhere_that_a_pod_sends_it(client: Client, namespace: str) -> None:
    with (
        RawPod(OTHER_ADDRESS, PROGRESS_PORT, body(progress(3))) as elsewhere,
        RawPod(
            POD_ADDRESS, PROGRESS_PORT, redirect(f"http://{OTHER_ADDRESS}:{PROGRESS_PORT}/progress")
        ) as pod,
    ):
        client.create(model(namespace))
        download(client, wait_pod(client, namespace), POD_ADDRESS)
        wait_asked(pod, 2)
        assert elsewhere.asked == 0


def test_an_answer_without_end_costs_the_operator_no_memory(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    before = usage(operator.pid).memory
    with RawPod(POD_ADDRESS, PROGRESS_PORT, without_end(OK + b"\r\n")) as pod:
        client.create(model(namespace))
        download(client, wait_pod(client, namespace), POD_ADDRESS)
        wait_asked(pod, 2)
    assert usage(operator.pid).memory - before < 64


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


def create_node(client: Client, namespace: str, gpus: int) -> str:
    """A node that takes pods, named after the namespace; returns its name."""
    name, amounts = f"node-{namespace}", {"nvidia.com/gpu": str(gpus)}
    status = {"capacity": amounts, "allocatable": amounts}
    client.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status})
    # A new node is marked as not ready, and no kubelet takes the mark away.
    client.patch("Node", None, name, {"spec": {"taints": None}})
    return name


def tell_gpus_short(client: Client, pod: Object) -> None:
    """Do as a scheduler that finds no node with enough GPUs."""
    message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    unscheduled = condition("PodScheduled", "False", reason="Unschedulable", message=message)
    tell(client, pod, {"conditions": [unscheduled]})


def test_a_pod_that_waits_for_gpus_is_told_with_the_nodes_gpus(client: Client, namespace: str) -> None:
    node = create_node(client, namespace, gpus=2)
    client.create(model(namespace, tensorParallel=4))
    pod = wait_pod(client, namespace)
    tell_gpus_short(client, pod)
    status = wait_reason(client, namespace, "InsufficientGPU")
    assert "4" in status["message"]
    assert "2" in status["message"]
    client.delete("Node", None, node)


def test_who_holds_the_gpus_is_told_with_how_many_would_be_free(client: Client, namespace: str) -> None:
    node = create_node(client, namespace, gpus=8)
    limits = {"limits": {"nvidia.com/gpu": "6"}}
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "training", "namespace": namespace},
            "spec": {
                "nodeName": node,
                "containers": [{"name": "main", "image": "x", "resources": limits}],
            },
        }
    )
    client.create(model(namespace, tensorParallel=4, nodeSelector={"kubernetes.io/hostname": node}))
    client.patch("Node", None, node, {"metadata": {"labels": {"kubernetes.io/hostname": node}}})
    pod = eventually(
        lambda: client.objects("Pod", namespace, "inference.sirocco.dev/model=mistral"),
        DEADLINE,
        "a pod",
        0.05,
    )[0]
    tell_gpus_short(client, pod)
    status = wait_reason(client, namespace, "WaitingForGPU")
    assert status["message"] == (
        f"the pod needs 4 free nvidia.com/gpu on one node, and node {node} has 2 of 8 free (the pod "
        f"{namespace}/training holds 6): add nodes, or stop the pod {namespace}/training "
        "(8 would be free then)"
    )
    client.delete("Node", None, node)


def test_a_claim_that_gets_no_volume_is_told_with_its_storage_class(client: Client, namespace: str) -> None:
    client.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "weights", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "no-such-class",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    )
    client.create(model(namespace, cache={"claimName": "weights"}))
    pod = wait_pod(client, namespace)
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    tell(
        client,
        pod,
        {"conditions": [condition("PodScheduled", "False", reason="Unschedulable", message=message)]},
    )
    status = wait_reason(client, namespace, "Unschedulable")
    # No controller of volumes runs here that would write an event.
    assert status["message"].startswith(
        "the PersistentVolumeClaim weights (cache.claimName) has no volume; its StorageClass is "
        "no-such-class: see `kubectl describe pvc weights`"
    )
