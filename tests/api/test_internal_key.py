"""The Secret with a model's internal key: made once, never read, never written again, and derivable."""

import base64
from collections.abc import Iterator

import pytest

from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.master_secret import derive_internal_key
from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_gone, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

NAME = "mistral-internal"
KEYS = {"keysSecretName": "team-keys"}


def key_of(secret: Object) -> str:
    """The key in the Secret."""
    assert list(secret["data"]) == ["key"]
    return base64.b64decode(secret["data"]["key"]).decode()


def wait_another(client: Client, namespace: str, old: Object, deadline: float = DEADLINE) -> Object:
    """The Secret once it is another one than `old`."""

    def another() -> Object | None:
        found = client.find("Secret", namespace, NAME)
        return found if found and found["metadata"]["uid"] != old["metadata"]["uid"] else None

    found = eventually(another, deadline, f"a new Secret {namespace}/{NAME}", 0.1)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def watchful(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that looks for everything again every second, in the shared one's place from then on."""
    assert operator.stop() == 0
    with OperatorProcess(cluster, "operator-watchful", resync_seconds="1") as process:
        yield process
        process.stop()
    operator.start()


@pytest.mark.usefixtures("operator")
def test_a_model_with_keys_gets_an_internal_one_of_its_own(client: Client, namespace: str) -> None:
    owner = client.create(model(namespace, access=KEYS))
    client.create(model(namespace, "other", access=KEYS))
    secret = wait_child(client, "Secret", namespace, NAME)
    assert [each["uid"] for each in secret["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
    assert secret["metadata"]["labels"]["inference.sirocco.dev/model"] == "mistral"
    master = client.get("Secret", "sirocco-system", "sirocco-operator-internal")
    uid = owner["metadata"]["uid"]
    assert key_of(secret) == derive_internal_key(
        base64.b64decode(master["data"]["master"]), Key(namespace, "mistral"), uid
    )
    assert key_of(secret) != key_of(wait_child(client, "Secret", namespace, "other-internal"))
    assert wait_status(client, namespace)["access"] == "Keys"


@pytest.mark.usefixtures("operator")
def test_an_open_model_gets_none_and_says_that_it_is_open(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    assert wait_status(client, namespace)["access"] == "Open"
    assert client.find("Secret", namespace, NAME) is None


@pytest.mark.usefixtures("operator")
def test_the_internal_key_goes_with_its_model(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    wait_child(client, "Secret", namespace, NAME)
    client.delete("InferenceModel", namespace, "mistral")
    wait_gone(client, "Secret", namespace, NAME)


@pytest.mark.usefixtures("operator")
def test_a_pod_that_misses_the_internal_key_has_it_made_at_once(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    old = wait_child(client, "Secret", namespace, NAME)

    def a_pod() -> Object | None:
        return next(iter(client.objects("Pod", namespace)), None)

    pod = eventually(a_pod, DEADLINE, "a pod", 0.1)
    assert pod is not None
    name = pod["metadata"]["name"]
    client.delete("Secret", namespace, NAME)
    # What a scheduler and a kubelet would do.
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}}
    target = {"target": {"apiVersion": "v1", "kind": "Node", "name": "node-1"}}
    client.request("POST", client.path("Pod", namespace, name, "binding"), {**binding, **target})
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "unmounted", "namespace": namespace},
            "involvedObject": {
                "kind": "Pod",
                "name": name,
                "namespace": namespace,
                "uid": pod["metadata"]["uid"],
            },
            "reason": "FailedMount",
            "type": "Warning",
            "message": f'MountVolume.SetUp failed for volume "internal" : secret "{NAME}" not found',
            "lastTimestamp": "2026-01-02T03:04:05Z",
        }
    )
    wait_another(client, namespace, old)


@pytest.mark.usefixtures("operator")
def test_a_secret_of_that_name_that_is_somebody_elses_is_left_alone(client: Client, namespace: str) -> None:
    metadata = {"name": NAME, "namespace": namespace}
    theirs = client.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}})
    client.create(model(namespace, access=KEYS))
    wait_status(client, namespace)
    assert client.get("Secret", namespace, NAME) == theirs


@pytest.mark.usefixtures("operator")
def test_a_namespace_that_takes_no_more_secrets_is_told(client: Client, namespace: str) -> None:
    client.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "no-secrets", "namespace": namespace},
            "spec": {"hard": {"secrets": "0"}},
        }
    )
    # What the quota's controller would write.
    used = {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}
    client.patch("ResourceQuota", namespace, "no-secrets", {"status": used}, "status")
    client.create(model(namespace, access=KEYS))
    assert f"Secret {NAME}" in wait_reason(client, namespace, "QuotaExceeded")["message"]


def test_a_change_of_the_model_or_a_restart_does_not_write_it_again(
    client: Client, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    secret = wait_child(client, "Secret", namespace, NAME)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"limits": {"inFlight": 8}}})
    wait_status(client, namespace)
    watchful.stop()
    watchful.start()
    before = watchful.metric("sirocco_operator_api_calls_total", verb="create", kind="Secret")
    eventually(
        lambda: (
            watchful.metric("sirocco_operator_api_calls_total", verb="create", kind="Secret") >= before + 2
        ),
        DEADLINE,
        "the operator to look for the Secret again",
        0.1,
    )
    assert client.get("Secret", namespace, NAME) == secret


def test_a_deleted_internal_key_is_made_again(
    client: Client, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    old = wait_child(client, "Secret", namespace, NAME)
    client.delete("Secret", namespace, NAME)
    assert key_of(wait_another(client, namespace, old)) == key_of(old)


def test_another_master_key_makes_other_internal_keys(
    client: Client, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    old = wait_child(client, "Secret", namespace, NAME)
    client.delete("Secret", "sirocco-system", "sirocco-operator-internal")
    # One that runs remembers the master key for a minute.
    assert watchful.stop() == 0
    watchful.start()
    client.delete("Secret", namespace, NAME)
    assert key_of(wait_another(client, namespace, old)) != key_of(old)
