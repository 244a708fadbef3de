"""A revision whose engines cannot start gives way to the last one that served."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client, Object
from tests.api.kubelet import Kubelet
from tests.api.metrics_api import wait_pods
from tests.api.models import DEADLINE, model, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

RETRY = "inference.sirocco.dev/retry"
CAUSE = "ValueError: no such thing"


@pytest.fixture
def kubelet(client: Client, namespace: str, operator: OperatorProcess) -> Iterator[Kubelet]:
    """Lets one pod serve, the others load."""
    assert operator.running
    with Kubelet(client, namespace, most_ready=1) as running:
        yield running


def template(client: Client, namespace: str) -> Object:
    """The pod template of the Deployment."""
    found: Object = client.get("Deployment", namespace, "mistral")["spec"]["template"]
    return found


def crash(client: Client, namespace: str, pod: str, times: int = 3) -> None:
    """Let the engine of a pod end that often, as the kubelet reports it."""
    ended = {
        "exitCode": 1,
        "reason": "Error",
        "message": CAUSE,
        "startedAt": "2026-01-02T03:04:05Z",
        "finishedAt": "2026-01-02T03:04:15Z",
    }
    status = {
        "name": "vllm",
        "ready": False,
        "started": False,
        "restartCount": times - 1,
        "image": "",
        "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": ended},
    }
    client.patch("Pod", namespace, pod, {"status": {"containerStatuses": [status]}}, "status")


def roll_out(client: Client, namespace: str, **rollout: str) -> tuple[str, str]:
    """A model that serves, and a change of it; the names of the pod that serves and of the new one."""
    client.create(model(namespace, rollout=rollout))
    wait_reason(client, namespace, "Ready")
    (old,) = wait_pods(client, namespace, 1)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    new = next(name for name in wait_pods(client, namespace, 2) if name != old)
    return old, new


def wait_template(client: Client, namespace: str, wanted: Object) -> None:
    """Wait until the Deployment has this pod template."""
    eventually(lambda: template(client, namespace) == wanted, DEADLINE, "the other pod template", 0.05)


def test_what_cannot_start_is_taken_back_and_tried_again_when_asked(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    client.create(model(namespace))
    wait_reason(client, namespace, "Ready")
    before = template(client, namespace)
    (old,) = wait_pods(client, namespace, 1)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    new = next(name for name in wait_pods(client, namespace, 2) if name != old)
    wanted = template(client, namespace)
    crash(client, namespace, new, times=2)
    wait_reason(client, namespace, "EngineCrashed")
    assert template(client, namespace) == wanted
    crash(client, namespace, new)
    status = wait_reason(client, namespace, "RolledBack")
    assert CAUSE in status["message"]
    assert RETRY in status["message"]
    assert template(client, namespace) == before
    # What holds GPUs for nothing goes; what serves has served all the time.
    assert wait_pods(client, namespace, 1) == [old]

    # Another count is as asked for, and no new try.
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 2}})
    wait_pods(client, namespace, 2)
    wait_status(client, namespace)
    assert template(client, namespace) == before

    client.patch("InferenceModel", namespace, "mistral", {"metadata": {"annotations": {RETRY: "1"}}})
    wait_template(client, namespace, wanted)


def test_another_spec_is_tried(client: Client, namespace: str, kubelet: Kubelet) -> None:
    _, new = roll_out(client, namespace)
    crash(client, namespace, new)
    wait_reason(client, namespace, "RolledBack")
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 2048}}})
    kubelet.most_ready = 2
    wait_reason(client, namespace, "Ready")
    assert "2048" in template(client, namespace)["spec"]["containers"][0]["args"]


def test_what_cannot_start_is_left_to_be_looked_at_when_asked(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    old, new = roll_out(client, namespace, onFailure="Hold")
    wanted = template(client, namespace)
    crash(client, namespace, new)
    wait_reason(client, namespace, "EngineCrashed")
    wait_status(client, namespace)
    assert template(client, namespace) == wanted
    assert wait_pods(client, namespace, 2) == sorted([old, new])


def test_a_pod_that_waits_is_not_taken_back(client: Client, namespace: str, kubelet: Kubelet) -> None:
    _, new = roll_out(client, namespace)
    wanted = template(client, namespace)
    pull = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    status = {"name": "vllm", "ready": False, "restartCount": 9, "image": "", "imageID": "", "state": pull}
    client.patch("Pod", namespace, new, {"status": {"containerStatuses": [status]}}, "status")
    wait_reason(client, namespace, "ImagePull")
    assert template(client, namespace) == wanted
