"""How weights reach the engine."""

import pytest

from tests.unit.children.rendering import SETTINGS, download, engine, mounts, pod, volumes

pytestmark = pytest.mark.unit

HUB = "hf://org/name"


def test_hub_weights_are_fetched_before_the_engine_starts() -> None:
    container = download(model={"uri": HUB, "revision": "v1.2"})
    assert container["name"] == "download"
    assert container["image"] == engine()["image"]
    assert container["command"] == ["python3", "-m", "sirocco_serving.download"]
    assert container["args"] == [
        *("--repository", "org/name"),
        *("--revision", "v1.2"),
        *("--target", "/models/org--name--v1.2"),
        *("--progress-port", "8001"),
    ]
    assert container["ports"] == [{"name": "progress", "containerPort": 8001, "protocol": "TCP"}]


def test_the_engine_reads_what_was_fetched_and_cannot_change_it() -> None:
    container = engine(model={"uri": HUB, "revision": "v1.2"})
    assert container["args"][0] == "/models/org--name--v1.2"
    assert mounts(container)["/models"] == {"name": "models", "mountPath": "/models", "readOnly": True}


def test_without_a_revision_it_is_main() -> None:
    assert engine(model={"uri": HUB})["args"][0] == "/models/org--name--main"
    assert "main" in download(model={"uri": HUB})["args"]


def test_fetched_weights_live_in_the_pod_and_never_fill_the_nodes_disk() -> None:
    assert volumes(pod())["models"] == {"name": "models", "emptyDir": {"sizeLimit": "100Gi"}}
    assert mounts(download())["/models"] == {"name": "models", "mountPath": "/models"}


def test_larger_weights_may_have_more_of_the_nodes_disk() -> None:
    assert volumes(pod(cache={"sizeLimit": "1500Gi"}))["models"] == {
        "name": "models",
        "emptyDir": {"sizeLimit": "1500Gi"},
    }


def test_a_claim_keeps_fetched_weights() -> None:
    assert volumes(pod(cache={"claimName": "weights"}))["models"] == {
        "name": "models",
        "persistentVolumeClaim": {"claimName": "weights"},
    }


def test_the_secret_reaches_only_the_container_that_fetches() -> None:
    spec = {"model": {"uri": HUB, "secretName": "hf-token"}}
    assert download(**spec)["envFrom"] == [{"secretRef": {"name": "hf-token"}}]
    assert "hf-token" not in str(engine(**spec))


def test_without_a_secret_the_download_gets_none() -> None:
    assert "envFrom" not in download()


def test_the_download_may_write_where_libraries_do() -> None:
    assert set(mounts(download())) == {"/models", "/cache", "/tmp"}  # noqa: S108


def test_the_download_asks_for_no_more_than_the_engine_and_for_no_device() -> None:
    resources = {
        "requests": {"cpu": "2", "rdma/hca": "1"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": "1"},
    }
    assert download(resources=resources)["resources"] == {
        "requests": {"cpu": "2"},
        "limits": {"memory": "8Gi"},
    }
    assert "resources" not in download()


def test_an_image_is_mounted_as_the_model() -> None:
    spec = {"model": {"uri": "oci://registry.example/models/mistral:1"}}
    assert engine(**spec)["args"][0] == "/model"
    assert volumes(pod(**spec))["model"] == {
        "name": "model",
        "image": {"reference": "registry.example/models/mistral:1", "pullPolicy": "IfNotPresent"},
    }
    assert mounts(engine(**spec))["/model"]["readOnly"] is True


def test_a_model_image_is_pulled_as_the_operators_settings_say() -> None:
    settings = SETTINGS.model_copy(update={"image_pull_policy": "Always"})
    volume = volumes(pod(settings, model={"uri": "oci://models/mistral:1"}))["model"]
    assert volume["image"]["pullPolicy"] == "Always"


@pytest.mark.parametrize(
    ("uri", "path"),
    [("pvc://weights/a/b", "/model/a/b"), ("pvc://weights", "/model")],
    ids=["folder", "root"],
)
def test_a_claims_folder_is_the_model(uri: str, path: str) -> None:
    spec = {"model": {"uri": uri}}
    assert engine(**spec)["args"][0] == path
    assert volumes(pod(**spec))["model"] == {
        "name": "model",
        "persistentVolumeClaim": {"claimName": "weights"},
    }
    assert mounts(engine(**spec))["/model"]["readOnly"] is True


@pytest.mark.parametrize("uri", ["oci://models/mistral:1", "pvc://weights/mistral"])
def test_mounted_weights_need_no_download(uri: str) -> None:
    spec = pod(model={"uri": uri})
    assert "initContainers" not in spec
    assert "models" not in volumes(spec)
