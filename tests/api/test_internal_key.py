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
def test_a_secret_of_that_name_that_is_somebody_elses_is_left_alone_and_told_of(
    client: Client, namespace: str
) -> None:
    metadata = {"name": NAME, "namespace": namespace}
    theirs = client.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}})
    client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata | {"name": "mistral"}})
    client.create(model(namespace, access=KEYS))
    message = wait_reason(client, namespace, "NameConflict")["message"]
    assert message.startswith(f"Secret {NAME} and ServiceAccount mistral exist")
    assert client.get("Secret", namespace, NAME) == theirs
    client.delete("ServiceAccount", namespace, "mistral")
    client.delete("Secret", namespace, NAME)
    wait_child(client, "Deployment", namespace)
    assert key_of(client.get("Secret", namespace, NAME))


def full_quota(client: Client, namespace: str, count: str) -> None:
    """A quota whose Secrets are used up, as its controller would write it."""
    metadata = {"name": "secrets", "namespace": namespace}
    spec = {"hard": {"count/secrets": count}}
    client.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    used = {"hard": {"count/secrets": count}, "used": {"count/secrets": count}}
    client.patch("ResourceQuota", namespace, "secrets", {"status": used}, "status")


def test_a_full_quota_of_secrets_leaves_a_model_that_has_its_own_alone(
    client: Client, cluster: ControlPlane, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    wait_child(client, "Deployment", namespace)
    reason = wait_status(client, namespace)["reason"]
    full_quota(client, namespace, "1")
    offset = cluster.wait_quiet(namespace)
    watchful.stop()
    watchful.start()
    cluster.wait_quiet(namespace)
    assert cluster.writes(offset, namespace) == []
    assert client.get("InferenceModel", namespace, "mistral")["status"]["reason"] == reason


def test_a_secret_of_an_earlier_release_is_taken_for_the_models_own(
    client: Client, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    secret = wait_child(client, "Secret", namespace, NAME)
    wait_child(client, "Deployment", namespace)
    wait_status(client, namespace)
    watchful.stop()
    # That release made no witness.
    client.delete("ConfigMap", namespace, NAME)
    full_quota(client, namespace, "1")
    watchful.start()
    status = wait_status(client, namespace)
    assert status["reason"] not in ("NameConflict", "QuotaExceeded")
    assert client.get("Secret", namespace, NAME) == secret
    client.delete("ResourceQuota", namespace, "secrets")
    # It is followed, too.
    client.delete("Secret", namespace, NAME)
    assert key_of(wait_another(client, namespace, secret)) == key_of(secret)


def test_a_secret_that_was_made_just_before_the_operator_died_is_its_own(
    client: Client, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    wait_child(client, "Deployment", namespace)
    wait_status(client, namespace)
    secret = client.get("Secret", namespace, NAME)
    watchful.stop()
    # As it is between the two writes: the witness is there and knows no Secret yet, and nothing else is.
    owner = client.get("ConfigMap", namespace, NAME)["metadata"]["ownerReferences"][0]
    client.patch("ConfigMap", namespace, NAME, {"metadata": {"ownerReferences": [owner]}})
    client.delete("Deployment", namespace, "mistral")
    wait_gone(client, "Deployment", namespace)
    watchful.start()
    wait_child(client, "Deployment", namespace)
    assert client.get("Secret", namespace, NAME) == secret


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


def test_a_change_of_the_model_or_a_restart_asks_for_no_secret(
    client: Client, cluster: ControlPlane, namespace: str, watchful: OperatorProcess
) -> None:
    client.create(model(namespace, access=KEYS))
    secret = wait_child(client, "Secret", namespace, NAME)
    wait_status(client, namespace)
    offset = cluster.wait_quiet(namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"limits": {"inFlight": 8}}})
    wait_status(client, namespace)
    watchful.stop()
    watchful.start()
    cluster.wait_quiet(namespace)
    asked = [each.get("objectRef") or {} for each in cluster.audit(offset)]
    assert "secrets" not in {each.get("resource") for each in asked if each.get("namespace") == namespace}
    assert client.get("Secret", namespace, NAME) == secret


@pytest.mark.usefixtures("operator")
def test_keys_that_come_back_find_the_secret_that_they_left(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    secret = wait_child(client, "Secret", namespace, NAME)
    wait_status(client, namespace)
    for access in (None, KEYS):
        client.patch("InferenceModel", namespace, "mistral", {"spec": {"access": access}})
        assert wait_status(client, namespace)["reason"] != "NameConflict"
    assert client.get("Secret", namespace, NAME) == secret


@pytest.mark.usefixtures("operator")
def test_a_deleted_internal_key_is_made_again(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    old = wait_child(client, "Secret", namespace, NAME)
    wait_status(client, namespace)
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
