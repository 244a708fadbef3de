"""Writes that the API server does not take, and resources that do not fit."""

import copy
from typing import Any

import pytest
import yaml

from tests.api.client import Client
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess, install_rights
from tests.waiting import eventually

ORAS = "oci://registry.example.com/models/smollm2:1"


def crd() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CRD_FILE.read_text())
    return found


@pytest.mark.usefixtures("operator")
def test_a_quota_is_told_in_the_api_servers_words_and_overcome(client: Client, namespace: str) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {"services": "0"}},
    }
    client.create(quota)
    client.patch(
        "ResourceQuota",
        namespace,
        "none",
        {"status": {"hard": {"services": "0"}, "used": {"services": "0"}}},
        subresource="status",
    )
    client.create(model(namespace))
    status = wait_reason(client, namespace, "QuotaExceeded")
    assert "services" in status["message"]
    assert client.find("Deployment", namespace, "mistral") is None
    client.delete("ResourceQuota", namespace, "none")
    wait_child(client, "Deployment", namespace)


@pytest.mark.usefixtures("operator")
def test_an_image_volume_is_made_where_the_api_server_has_them(client: Client, namespace: str) -> None:
    client.create(model(namespace, model={"uri": ORAS}))
    pod = wait_child(client, "Deployment", namespace)["spec"]["template"]["spec"]
    assert [each["image"]["reference"] for each in pod["volumes"] if "image" in each] == [
        ORAS.removeprefix("oci://")
    ]


@pytest.mark.usefixtures("operator")
def test_a_stored_resource_that_no_longer_fits_is_told_of_and_its_children_stay(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    before = wait_child(client, "Deployment", namespace)
    loose = copy.deepcopy(crd())
    schema = loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["properties"]["device"] = {"type": "string"}
    schema.pop("x-kubernetes-validations", None)
    client.apply(loose)

    def stored() -> bool:
        # The new schema takes a moment to be used.
        path = client.path("InferenceModel", namespace, "mistral")
        answer = client.raw(
            "PATCH", path, {"spec": {"device": "tpu"}}, content_type="application/merge-patch+json"
        )
        return answer.is_success

    eventually(stored, DEADLINE, "the loose schema to be used", 0.1)
    status = wait_reason(client, namespace, "InvalidSpec")
    assert "device" in status["message"]
    assert status["endpoint"] == f"http://mistral.{namespace}.svc"
    after = client.get("Deployment", namespace, "mistral")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"device": None}})
    client.apply(crd())
    eventually(
        lambda: client.get("InferenceModel", namespace, "mistral")["status"]["reason"] != "InvalidSpec",
        DEADLINE,
        "another reason",
        0.1,
    )


def test_a_deployment_with_another_selector_is_told_of_and_goes_on_serving(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace, replicas=0))
    wait_status(client, namespace)
    good = wait_child(client, "Deployment", namespace)
    operator.stop()
    client.delete("Deployment", namespace, "mistral")
    bad = copy.deepcopy(good)
    bad["metadata"] = {
        key: good["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")
    }
    bad["spec"]["selector"]["matchLabels"]["extra"] = "yes"
    bad["spec"]["template"]["metadata"]["labels"]["extra"] = "yes"
    uid = client.create(bad)["metadata"]["uid"]
    operator.start()
    message = wait_reason(client, namespace, "ChildRejected")["message"]
    assert message.startswith("Deployment mistral has another spec.selector than the model's")
    assert client.get("Deployment", namespace, "mistral")["metadata"]["uid"] == uid
    client.delete("Deployment", namespace, "mistral")

    def selector() -> bool:
        found = client.find("Deployment", namespace, "mistral")
        return found is not None and found["spec"]["selector"] == good["spec"]["selector"]

    eventually(selector, DEADLINE, "a Deployment with our selector", 0.1)


def test_without_image_volumes_no_deployment_is_made() -> None:
    with ControlPlane(crds=[crd()], feature_gates="ImageVolume=false", controllers=False) as cluster:
        client = cluster.client
        install_rights(client)
        with OperatorProcess(cluster):
            client.create(model("default", model={"uri": ORAS}))
            status = wait_reason(client, "default", "ImageVolumesUnsupported")
            assert "1.35" in status["message"]
            assert client.find("Deployment", "default", "mistral") is None
