"""Templates that were rolled out are remembered, and an operator's upgrade restarts nobody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.client import ApiError, Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.models import DEADLINE, SETTINGS, model, wait_child, wait_gone, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

RELEASE = Path(__file__).parent / "release_0_1_0.yaml"
LABEL = "inference.sirocco.dev/revision"
NEWER = "sirocco/serving:newer"
SERVED = "inference.sirocco.dev/served"


@pytest.fixture(autouse=True)
def running(operator: OperatorProcess) -> None:
    """The shared operator runs."""
    assert operator.running


@pytest.fixture
def newer(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator with another serving image, which starts in the place of the shared one."""
    yield from _in_place_of(operator, OperatorProcess(cluster, "operator-newer", serving_image=NEWER))


@pytest.fixture
def patient(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """As `newer`, and it updates no model by itself."""
    settings = {"serving_image": NEWER, "model_updates": "OnSpecChange"}
    yield from _in_place_of(operator, OperatorProcess(cluster, "operator-patient", **settings))


def _in_place_of(operator: OperatorProcess, process: OperatorProcess) -> Iterator[OperatorProcess]:
    yield process
    process.kill()
    if not operator.running:
        operator.start()


def template(client: Client, namespace: str) -> Object:
    """The pod template of the Deployment."""
    found: Object = client.get("Deployment", namespace, "mistral")["spec"]["template"]
    return found


def revisions(client: Client, namespace: str) -> dict[int, Object]:
    """The remembered revisions by number."""
    return {each["revision"]: each for each in client.objects("ControllerRevision", namespace)}


def wait_revisions(client: Client, namespace: str, *numbers: int) -> dict[int, Object]:
    """The remembered revisions once they have these numbers."""

    def remembered() -> dict[int, Object]:
        found = revisions(client, namespace)
        assert set(found) == set(numbers), f"revisions are {sorted(found)}"
        return found

    return eventually(remembered, DEADLINE, f"revisions {numbers}", 0.05)


def change(client: Client, namespace: str, **spec: Any) -> None:
    """Change the model's spec, and wait until the operator has handled it."""
    client.patch("InferenceModel", namespace, "mistral", {"spec": spec})
    wait_status(client, namespace)


def test_each_template_is_remembered_in_the_order_of_rollouts(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    first = wait_revisions(client, namespace, 1)[1]
    change(client, namespace, engine={"maxModelLen": 1024})
    second = wait_revisions(client, namespace, 1, 2)[2]
    assert template(client, namespace)["metadata"]["labels"][LABEL] == second["metadata"]["labels"][LABEL]
    change(client, namespace, engine=None)
    again = wait_revisions(client, namespace, 2, 3)[3]
    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    assert template(client, namespace)["metadata"]["labels"][LABEL] == again["metadata"]["labels"][LABEL]


def test_a_change_of_replicas_is_no_revision(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    before = wait_revisions(client, namespace, 1)[1]
    change(client, namespace, replicas=3)
    assert revisions(client, namespace) == {1: before}


def test_a_revision_that_served_is_remembered_as_such(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_revisions(client, namespace, 1)
    with Kubelet(client, namespace):
        eventually(
            lambda: SERVED in revisions(client, namespace)[1]["metadata"]["annotations"],
            DEADLINE,
            "the first revision to have served",
            0.05,
        )


def test_the_settings_of_each_revision_stay_as_its_pods_mount_them(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    before = wait_child(client, "ConfigMap", namespace, SETTINGS)
    with pytest.raises(ApiError, match="immutable"):
        client.patch("ConfigMap", namespace, SETTINGS, {"data": {"serving.json": "{}"}})
    change(client, namespace, limits={"prompts": 8})
    wait_revisions(client, namespace, 1, 2)
    assert client.get("ConfigMap", namespace, SETTINGS) == before
    client.delete("ConfigMap", namespace, SETTINGS)
    after = wait_child(client, "ConfigMap", namespace, SETTINGS)
    assert after["data"] == before["data"]


def test_settings_go_with_the_last_revision_that_names_them(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_child(client, "ConfigMap", namespace, SETTINGS)
    for prompts in range(1, 6):
        change(client, namespace, limits={"prompts": prompts})
    wait_revisions(client, namespace, *range(2, 7))
    wait_gone(client, "ConfigMap", namespace, SETTINGS)


def test_a_deleted_memory_comes_back_and_nothing_restarts(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    before = wait_revisions(client, namespace, 1)[1]
    wait_status(client, namespace)
    live = template(client, namespace)
    client.delete("ControllerRevision", namespace, before["metadata"]["name"])
    after = wait_child(client, "ControllerRevision", namespace, before["metadata"]["name"])
    assert (after["revision"], after["data"]) == (1, before["data"])
    assert template(client, namespace) == live


def test_text_that_go_writes_otherwise_does_not_keep_a_revision_from_changing(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace, podAnnotations={"note": "a < b && c > d, für alle"}))
    before = wait_revisions(client, namespace, 1)[1]
    change(client, namespace, engine={"maxModelLen": 1024})
    change(client, namespace, engine=None)
    after = wait_revisions(client, namespace, 2, 3)[3]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def image(client: Client, namespace: str, name: str = "mistral") -> str:
    """The image of the Deployment's engine."""
    spec = client.get("Deployment", namespace, name)["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


def wait_image(client: Client, namespace: str, name: str, wanted: str) -> None:
    """Wait until the Deployment's engine has this image."""
    what = f"{name} to have the image {wanted}"
    eventually(lambda: image(client, namespace, name) == wanted, DEADLINE, what, 0.05)


def test_what_another_operator_makes_can_wait_for_the_next_change_of_the_spec(
    client: Client, namespace: str, operator: OperatorProcess, patient: OperatorProcess
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    before = template(client, namespace)
    assert operator.stop() == 0
    patient.start()
    # A change that no pod has is handled, and replaces none.
    change(client, namespace, replicas=2)
    assert template(client, namespace) == before
    with Kubelet(client, namespace):
        assert "next change" in wait_reason(client, namespace, "UpdatePending")["message"]
        memory = revisions(client, namespace)[1]["metadata"]
        client.delete("ControllerRevision", namespace, memory["name"])
        wait_child(client, "ControllerRevision", namespace, memory["name"])
        assert template(client, namespace) == before
        change(client, namespace, engine={"maxModelLen": 1024})
        assert image(client, namespace) == NEWER
        wait_reason(client, namespace, "Ready")


def test_models_are_updated_one_after_the_other(
    client: Client, namespace: str, operator: OperatorProcess, newer: OperatorProcess
) -> None:
    with Kubelet(client, namespace, most_ready=2) as kubelet:
        for name in ("first", "second"):
            client.create(model(namespace, name))
            wait_reason(client, namespace, "Ready", name)
        assert operator.stop() == 0
        newer.start()
        # Its new pod loads, and nobody else moves.
        wait_reason(client, namespace, "RollingOut", "first")
        wait_reason(client, namespace, "UpdatePending", "second")
        assert (image(client, namespace, "first"), image(client, namespace, "second") == NEWER) == (
            NEWER,
            False,
        )
        kubelet.most_ready = 4
        for name in ("first", "second"):
            wait_image(client, namespace, name, NEWER)
            wait_reason(client, namespace, "Ready", name)


def make_release(client: Client, namespace: str, generation_handled: bool = True) -> Object:
    """A model with its objects as the operator of release 0.1.0 left them; its Deployment."""
    owner = client.create(model(namespace, replicas=2))
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    for child in yaml.safe_load_all(RELEASE.read_text()):
        child["metadata"].update(namespace=namespace, ownerReferences=[reference])
        client.create(child, fieldManager="sirocco-operator")
    handled = metadata["generation"] - (not generation_handled)
    status = {"observedGeneration": handled, "reason": "Ready", "message": ""}
    client.patch("InferenceModel", namespace, "mistral", {"status": status}, subresource="status")
    return client.get("Deployment", namespace, "mistral")


def test_pods_of_release_0_1_0_are_adopted_and_restarted_by_the_next_change_only(
    client: Client, namespace: str, operator: OperatorProcess, patient: OperatorProcess
) -> None:
    assert operator.stop() == 0
    before = make_release(client, namespace)
    settings = client.get("ConfigMap", namespace, "mistral-serving")
    patient.start()
    adopted = wait_revisions(client, namespace, 1)[1]
    change(client, namespace, replicas=1)
    assert template(client, namespace) == before["spec"]["template"]
    assert client.get("ConfigMap", namespace, "mistral-serving")["data"] == settings["data"]
    assert adopted["data"]["settings"]["data"] == settings["data"]
    with Kubelet(client, namespace):
        wait_reason(client, namespace, "UpdatePending")
        # What somebody else writes into an adopted template goes, as into any.
        container = before["spec"]["template"]["spec"]["containers"][0]
        wrong = {"spec": {"template": {"spec": {"containers": [{"name": "vllm", "image": "evil"}]}}}}
        client.request(
            "PATCH",
            client.path("Deployment", namespace, "mistral"),
            wrong,
            content_type="application/strategic-merge-patch+json",
        )
        eventually(
            lambda: template(client, namespace)["spec"]["containers"][0]["image"] == container["image"],
            DEADLINE,
            "the image to be put right",
            0.05,
        )
        change(client, namespace, limits={"prompts": 8})
        second = wait_revisions(client, namespace, 1, 2)[2]
        assert template(client, namespace)["metadata"]["labels"][LABEL] == second["metadata"]["labels"][LABEL]
        # Its pods may still restart.
        assert client.find("ConfigMap", namespace, "mistral-serving")
        wait_reason(client, namespace, "Ready")


def test_a_spec_that_release_0_1_0_had_not_handled_is_rolled_out(
    client: Client, namespace: str, operator: OperatorProcess
) -> None:
    assert operator.stop() == 0
    make_release(client, namespace, generation_handled=False)
    operator.start()
    wait_revisions(client, namespace, 1, 2)
    wait_status(client, namespace)
    assert LABEL in template(client, namespace)["metadata"]["labels"]
