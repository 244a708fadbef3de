"""What a resource becomes, and that it stays so."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.changes import change_all
from tests.api.client import Client, Object
from tests.api.models import DEADLINE, SETTINGS, model, wait_child, wait_gone, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

CHILDREN = (
    ("ConfigMap", SETTINGS),
    ("ServiceAccount", "mistral"),
    ("Service", "mistral"),
    ("Deployment", "mistral"),
    ("PodDisruptionBudget", "mistral"),
)


def container(deployment: Object) -> Object:
    """The engine's container."""
    found: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def wait_that(client: Client, kind: str, namespace: str, name: str, holds: Callable[[Object], Any]) -> None:
    eventually(
        lambda: holds(client.find(kind, namespace, name) or {"metadata": {}}),
        DEADLINE,
        lambda: f"{kind} {name} to be as wanted, it is {client.find(kind, namespace, name)}",
        0.05,
    )


def test_a_resource_becomes_children_and_a_status(client: Client, namespace: str) -> None:
    owner = client.create(model(namespace, replicas=2))
    for kind, name in CHILDREN:
        child = wait_child(client, kind, namespace, name)
        assert child["metadata"]["labels"]["inference.sirocco.dev/model"] == "mistral"
        assert [each["uid"] for each in child["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
    assert wait_status(client, namespace)["endpoint"] == f"http://mistral.{namespace}.svc"


def test_the_users_object_gets_no_annotation_and_no_finalizer(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    metadata = client.get("InferenceModel", namespace, "mistral")["metadata"]
    assert "annotations" not in metadata
    assert "finalizers" not in metadata


def test_deleting_a_resource_leaves_nothing_behind(client: Client, namespace: str) -> None:
    client.create(model(namespace, replicas=2))
    for kind, name in CHILDREN:
        wait_child(client, kind, namespace, name)
    client.delete("InferenceModel", namespace, "mistral")
    for kind, name in CHILDREN:
        wait_gone(client, kind, namespace, name)


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_deleted_child_comes_back(client: Client, namespace: str, kind: str, name: str) -> None:
    client.create(model(namespace, replicas=2))
    wait_status(client, namespace)
    old = wait_child(client, kind, namespace, name)["metadata"]["uid"]
    client.delete(kind, namespace, name)
    wait_that(client, kind, namespace, name, lambda child: child["metadata"].get("uid") not in (None, old))


EDITS: dict[str, tuple[str, str, Object, Callable[[Object], Any]]] = {
    "a label of the settings": (
        "ConfigMap",
        SETTINGS,
        {"metadata": {"labels": {"inference.sirocco.dev/model": "another"}}},
        lambda child: child["metadata"]["labels"]["inference.sirocco.dev/model"] == "mistral",
    ),
    "a removed label": (
        "ServiceAccount",
        "mistral",
        {"metadata": {"labels": None}},
        lambda child: "inference.sirocco.dev/model" in (child["metadata"].get("labels") or {}),
    ),
    "a changed port": (
        "Service",
        "mistral",
        {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": "http", "protocol": "TCP"}]}},
        lambda child: [port["port"] for port in child["spec"]["ports"]] == [80],
    ),
    "a changed selector": (
        "Service",
        "mistral",
        {"spec": {"selector": {"inference.sirocco.dev/model": "another"}}},
        lambda child: child["spec"]["selector"]["inference.sirocco.dev/model"] == "mistral",
    ),
    "a changed replica count": (
        "Deployment",
        "mistral",
        {"spec": {"replicas": 5}},
        lambda child: child["spec"]["replicas"] == 2,
    ),
    "a changed budget": (
        "PodDisruptionBudget",
        "mistral",
        {"spec": {"maxUnavailable": 0}},
        lambda child: child["spec"]["maxUnavailable"] == 1,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_child_is_put_right(client: Client, namespace: str, edit: str) -> None:
    kind, name, change, holds = EDITS[edit]
    client.create(model(namespace, replicas=2))
    wait_status(client, namespace)
    wait_child(client, kind, namespace, name)
    client.patch(kind, namespace, name, change)
    wait_that(client, kind, namespace, name, holds)


def test_what_was_overwritten_can_be_removed_again(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    wait_child(client, "Service", namespace)
    kind, name, change, holds = EDITS["a changed port"]
    client.patch(kind, namespace, name, change)
    wait_that(client, kind, namespace, name, holds)

    def ours(service: Object) -> list[str]:
        entries = service["metadata"].get("managedFields") or []
        return [entry["operation"] for entry in entries if entry["manager"] == "sirocco-operator"]

    wait_that(client, kind, namespace, name, lambda service: ours(service) == ["Apply"])


def adopted(owner: str) -> Callable[[Object], Any]:
    """Whether an object is controlled by the model with this uid."""
    return lambda child: [each["uid"] for each in child["metadata"].get("ownerReferences") or ()] == [owner]


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_child_whose_owner_reference_is_taken_away_is_adopted_again(
    client: Client, namespace: str, kind: str, name: str
) -> None:
    owner = client.create(model(namespace, replicas=2))["metadata"]["uid"]
    wait_status(client, namespace)
    before = wait_child(client, kind, namespace, name)["metadata"]["uid"]
    client.patch(kind, namespace, name, {"metadata": {"ownerReferences": None}})
    wait_that(client, kind, namespace, name, adopted(owner))
    assert client.get(kind, namespace, name)["metadata"]["uid"] == before


def test_a_model_that_is_made_again_adopts_what_it_left_without_a_restart_of_its_pods(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace, replicas=2))
    wait_status(client, namespace)
    before = {kind: wait_child(client, kind, namespace, name) for kind, name in CHILDREN}
    client.delete("InferenceModel", namespace, "mistral", propagationPolicy="Orphan")
    wait_gone(client, "InferenceModel", namespace)
    owner = client.create(model(namespace, replicas=2))["metadata"]["uid"]
    for kind, name in CHILDREN:
        wait_that(client, kind, namespace, name, adopted(owner))
    after = {kind: client.get(kind, namespace, name) for kind, name in CHILDREN}
    assert {kind: each["metadata"]["uid"] for kind, each in after.items()} == {
        kind: each["metadata"]["uid"] for kind, each in before.items()
    }
    assert after["Deployment"]["spec"] == before["Deployment"]["spec"]


def test_what_acts_on_the_pods_of_a_model_that_is_made_again_without_it_goes(
    client: Client, namespace: str
) -> None:
    autoscaled: dict[str, Any] = {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}}
    acting = ("HorizontalPodAutoscaler", "PodDisruptionBudget")
    client.create(model(namespace, **autoscaled))
    wait_status(client, namespace)
    for kind in acting:
        wait_child(client, kind, namespace)
    client.delete("InferenceModel", namespace, "mistral", propagationPolicy="Orphan")
    wait_gone(client, "InferenceModel", namespace)
    client.create(model(namespace))
    for kind in acting:
        wait_gone(client, kind, namespace)


def hold_service(client: Client, namespace: str) -> None:
    """Keep the Service from going once it is deleted, as a cloud does until its load balancer is gone."""
    client.patch("Service", namespace, "mistral", {"metadata": {"finalizers": ["example.com/lb"]}})


def let_service_go(client: Client, namespace: str) -> None:
    """End `hold_service`."""
    client.patch("Service", namespace, "mistral", {"metadata": {"finalizers": None}})


def test_a_model_that_is_made_again_waits_for_what_is_left_of_the_former_one(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    hold_service(client, namespace)
    former = client.get("Service", namespace, "mistral")["metadata"]["uid"]
    client.delete("InferenceModel", namespace, "mistral")
    wait_that(client, "Service", namespace, "mistral", lambda one: "deletionTimestamp" in one["metadata"])
    wait_gone(client, "Deployment", namespace)
    client.create(model(namespace))
    wait_child(client, "Deployment", namespace)
    status = wait_reason(client, namespace, "ReconcileFailed")
    assert "Service mistral is made once another" in status["message"]
    let_service_go(client, namespace)
    wait_that(
        client, "Service", namespace, "mistral", lambda one: one["metadata"].get("uid") not in (None, former)
    )


def test_a_child_that_is_deleted_for_ever_does_not_keep_the_others_from_being_put_right(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    hold_service(client, namespace)
    client.delete("Service", namespace, "mistral")
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 2}})
    wait_that(client, "Deployment", namespace, "mistral", lambda child: child["spec"]["replicas"] == 2)
    let_service_go(client, namespace)
    wait_that(client, "Service", namespace, "mistral", lambda one: "deletionTimestamp" not in one["metadata"])


def test_the_budget_is_pruned_when_one_replica_is_left(client: Client, namespace: str) -> None:
    client.create(model(namespace, replicas=2))
    wait_child(client, "PodDisruptionBudget", namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 1}})
    wait_gone(client, "PodDisruptionBudget", namespace)


def test_the_account_is_pruned_when_another_is_named(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_child(client, "ServiceAccount", namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"serviceAccountName": "mine"}})
    wait_gone(client, "ServiceAccount", namespace)
    live = client.get("Deployment", namespace, "mistral")
    assert live["spec"]["template"]["spec"]["serviceAccountName"] == "mine"


def test_scaling_the_resource_scales_the_deployment(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 3}}, subresource="scale")
    wait_that(client, "Deployment", namespace, "mistral", lambda child: child["spec"]["replicas"] == 3)


def test_fifty_resources_at_once_all_get_their_children(client: Client, namespace: str) -> None:
    names = [f"model-{number}" for number in range(50)]
    for name in names:
        client.create(model(namespace, name))
    selector = "app.kubernetes.io/managed-by=sirocco-operator"

    def complete() -> bool:
        found = {each["metadata"]["name"] for each in client.objects("Deployment", namespace, selector)}
        assert found == set(names), f"{len(found)} of {len(names)} Deployments"
        told = [each.get("status") for each in client.objects("InferenceModel", namespace)]
        assert all(told), f"{sum(map(bool, told))} of {len(names)} statuses"
        return True

    eventually(complete, DEADLINE, "50 models", 0.2)


def test_no_change_is_lost_that_comes_while_the_status_of_another_is_written(
    client: Client, namespace: str
) -> None:
    change_all(client, namespace, rounds=3)


def tolerations_of(deployment: Object) -> list[Object]:
    """The tolerations of the pods: on a CPU those that the model asks for."""
    found: list[Object] = deployment["spec"]["template"]["spec"].get("tolerations") or []
    return found


def operations(child: Object) -> set[str]:
    """By which operations the operator owns fields of the child."""
    entries = child["metadata"].get("managedFields") or []
    return {each["operation"] for each in entries if each["manager"] == "sirocco-operator"}


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "after a restart"])
def test_a_field_that_was_there_at_creation_goes_when_it_is_removed(
    client: Client, namespace: str, operator: OperatorProcess, restarted: bool
) -> None:
    tolerations = [{"key": "spot", "operator": "Exists"}]
    client.create(model(namespace, device="cpu", tolerations=tolerations))
    deployment = wait_child(client, "Deployment", namespace)
    assert tolerations_of(deployment) == tolerations
    assert operations(deployment) == {"Update"}
    wait_status(client, namespace)
    if restarted:
        assert operator.stop() == 0
    client.replace_spec("InferenceModel", namespace, "mistral", model(namespace, device="cpu")["spec"])
    if restarted:
        operator.start()
    wait_that(client, "Deployment", namespace, "mistral", lambda child: not tolerations_of(child))
    live = client.get("Deployment", namespace, "mistral")
    assert operations(live) == {"Apply"}
    assert live["metadata"]["uid"] == deployment["metadata"]["uid"]


def test_what_kubernetes_filled_in_stays_when_a_created_child_is_first_applied(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace))
    before = wait_child(client, "Service", namespace)
    wait_status(client, namespace)
    client.patch(
        "Service", namespace, "mistral", {"metadata": {"labels": {"inference.sirocco.dev/model": "x"}}}
    )
    wait_that(
        client,
        "Service",
        namespace,
        "mistral",
        lambda child: child["metadata"]["labels"]["inference.sirocco.dev/model"] == "mistral",
    )
    after = client.get("Service", namespace, "mistral")
    assert operations(after) == {"Apply"}
    assert after["spec"] == before["spec"]


def test_a_child_that_lost_its_label_is_a_child_again(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    before = wait_child(client, "Service", namespace)["metadata"]["uid"]
    managed_by = "app.kubernetes.io/managed-by"
    client.patch("Service", namespace, "mistral", {"metadata": {"labels": {managed_by: "Helm"}}})
    wait_that(
        client,
        "Service",
        namespace,
        "mistral",
        lambda child: child["metadata"]["labels"][managed_by] == "sirocco-operator",
    )
    client.delete("Service", namespace, "mistral")
    wait_that(
        client,
        "Service",
        namespace,
        "mistral",
        lambda child: child["metadata"].get("uid") not in (None, before),
    )
