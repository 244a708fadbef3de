"""Objects of others that have our names."""

import pytest

from tests.api.client import Client, Object
from tests.api.models import DEADLINE, SETTINGS, model, wait_child, wait_reason, wait_status
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

FOREIGN: dict[str, Object] = {
    "ServiceAccount": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "mistral"}},
    "ConfigMap": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SETTINGS},
        "data": {"theirs": "yes"},
    },
    "Service": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "mistral"},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    },
    "PodDisruptionBudget": {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "mistral"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "theirs"}}},
    },
    "Deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "mistral"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {
                "metadata": {"labels": {"app": "theirs"}},
                "spec": {"containers": [{"name": "theirs", "image": "example.com/theirs:1"}]},
            },
        },
    },
}


def make_foreign(client: Client, namespace: str, kind: str) -> Object:
    manifest = FOREIGN[kind]
    return client.create({**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}})


def content(manifest: Object) -> Object:
    """All but what Kubernetes' own controllers change."""
    metadata = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in ("resourceVersion", "managedFields", "generation", "annotations")
    }
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_object_of_our_name_is_left_alone_and_told_of(
    client: Client, namespace: str, kind: str
) -> None:
    theirs = make_foreign(client, namespace, kind)
    name = theirs["metadata"]["name"]
    client.create(model(namespace, replicas=2))
    status = wait_reason(client, namespace, "NameConflict")
    assert kind in status["message"]
    assert name in status["message"]
    assert content(client.get(kind, namespace, name)) == content(theirs)
    left = client.get(kind, namespace, name)["metadata"].get("managedFields") or []
    assert "sirocco-operator" not in {entry["manager"] for entry in left}


def test_all_foreign_objects_are_named_at_once(client: Client, namespace: str) -> None:
    for kind in ("ServiceAccount", "Service", "Deployment"):
        make_foreign(client, namespace, kind)
    client.create(model(namespace, replicas=2))
    message = wait_reason(client, namespace, "NameConflict")["message"]
    assert "ServiceAccount mistral, Service mistral and Deployment mistral exist" in message


def test_deleting_the_model_leaves_the_foreign_object(client: Client, namespace: str) -> None:
    theirs = make_foreign(client, namespace, "ConfigMap")
    client.create(model(namespace))
    wait_reason(client, namespace, "NameConflict")
    client.delete("InferenceModel", namespace, "mistral")
    assert content(client.get("ConfigMap", namespace, SETTINGS)) == content(theirs)


def test_the_child_is_made_once_the_foreign_object_is_gone(client: Client, namespace: str) -> None:
    theirs = make_foreign(client, namespace, "ServiceAccount")
    client.create(model(namespace))
    wait_reason(client, namespace, "NameConflict")
    client.delete("ServiceAccount", namespace, theirs["metadata"]["name"])
    deployment = wait_child(client, "Deployment", namespace)
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "mistral"


def test_a_child_of_a_deleted_namesake_is_not_adopted(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    old = wait_child(client, "Service", namespace)["metadata"]["uid"]
    client.delete("InferenceModel", namespace, "mistral")
    new = client.create(model(namespace))["metadata"]["uid"]

    # The garbage collector takes the old children, and the new model gets its own.

    def fresh() -> bool:
        service = client.find("Service", namespace, "mistral")
        assert service is not None
        assert service["metadata"]["uid"] != old
        assert service["metadata"]["ownerReferences"][0]["uid"] == new
        return True

    eventually(fresh, DEADLINE, "a Service of the new model", 0.1)


def test_a_foreign_deployment_is_told_of_also_where_image_volumes_are_tried_first(
    client: Client, namespace: str
) -> None:
    theirs = make_foreign(client, namespace, "Deployment")
    client.create(model(namespace, model={"uri": "oci://registry.example.com/models/mistral:1"}))
    wait_reason(client, namespace, "NameConflict")
    assert content(client.get("Deployment", namespace, "mistral")) == content(theirs)
