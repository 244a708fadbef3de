"""Images, labels and annotations of the pods."""

import pytest

from sirocco_operator.children.labels import labels
from tests.unit.children.rendering import SETTINGS, download, engine, template

pytestmark = pytest.mark.unit


def test_the_operators_image_for_the_device_serves() -> None:
    assert engine()["image"] == "registry.example/serving:1"
    assert engine(device="cpu")["image"] == "registry.example/serving-cpu:1"


def test_the_users_image_serves_and_fetches() -> None:
    own = {"image": "registry.example/own:2"}
    assert engine(engine=own)["image"] == "registry.example/own:2"
    assert download(engine=own)["image"] == "registry.example/own:2"


def test_images_are_pulled_as_the_operators_settings_say() -> None:
    settings = SETTINGS.model_copy(update={"image_pull_policy": "Never"})
    assert engine(settings)["imagePullPolicy"] == "Never"
    assert download(settings)["imagePullPolicy"] == "Never"


def test_the_users_labels_and_annotations_are_added() -> None:
    metadata = template(podLabels={"team": "search"}, podAnnotations={"note": "text"})["metadata"]
    assert metadata["labels"] == {"team": "search", **labels("mistral")}
    assert metadata["annotations"]["note"] == "text"


def test_only_the_settings_fingerprint_is_annotated_by_us() -> None:
    assert set(template()["metadata"]["annotations"]) == {"inference.sirocco.dev/serving-config"}


def test_the_engines_container_is_named_vllm() -> None:
    assert engine()["name"] == "vllm"
