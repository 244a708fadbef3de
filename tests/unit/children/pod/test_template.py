"""Images, labels and annotations of the pods."""

import re

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
    revision = metadata["labels"].pop("inference.sirocco.dev/revision")
    assert metadata["labels"] == {"team": "search", **labels("mistral")}
    assert re.fullmatch("[0-9a-f]{10}", revision)
    assert metadata["annotations"] == {"note": "text"}


def test_the_engines_container_is_named_vllm() -> None:
    assert engine()["name"] == "vllm"
