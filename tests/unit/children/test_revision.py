"""What a revision is named by, and how it is remembered."""

import json
from dataclasses import replace
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from sirocco_operator.children.build import build_children
from sirocco_operator.children.controller_revision import build_controller_revision, read_controller_revision
from sirocco_operator.children.labels import REVISION_LABEL
from sirocco_operator.children.revision import Revision, Rollout, build_revision, makes_other_pods
from tests.unit.children.rendering import SETTINGS, a_model

pytestmark = pytest.mark.unit

ANOTHER_IMAGE = SETTINGS.model_copy(update={"serving_image": "registry.example/serving:2"})
# No pod has these fields: a change of them must replace none.
BESIDE_THE_PODS: dict[str, dict[str, Any]] = {
    "replicas": {"replicas": 3},
    "autoscaling": {"autoscaling": {"maxReplicas": 4}},
    "rollout": {"rollout": {"strategy": "InPlace"}},
    "monitoring": {"monitoring": {"enabled": False}},
}


def revision(**spec: Any) -> Revision:
    """What the operator makes of a model with this in its spec."""
    return build_revision(a_model(**spec), SETTINGS)


def test_pods_carry_the_revision_that_they_are_of() -> None:
    built = revision()
    assert built.template["metadata"]["labels"][REVISION_LABEL] == built.hash


@pytest.mark.parametrize("spec", BESIDE_THE_PODS.values(), ids=BESIDE_THE_PODS.keys())
def test_a_field_that_no_pod_has_makes_no_revision(spec: dict[str, Any]) -> None:
    assert revision(**spec) == revision()


@pytest.mark.parametrize(
    "spec",
    [{"engine": {"maxModelLen": 1024}}, {"limits": {"prompts": 8}}, {"podLabels": {"team": "search"}}],
    ids=["an argument", "a setting of the layer", "a label"],
)
def test_a_field_of_the_pods_makes_a_revision(spec: dict[str, Any]) -> None:
    assert revision(**spec).hash != revision().hash
    assert revision(**spec).spec_digest != revision().spec_digest


def test_another_operators_image_is_another_template_of_the_same_spec() -> None:
    newer = build_revision(a_model(), ANOTHER_IMAGE)
    assert newer.hash != revision().hash
    assert newer.spec_digest == revision().spec_digest


def test_a_default_that_is_written_out_is_no_change_of_the_spec() -> None:
    # As stored resources get the defaults of a newer CRD.
    assert revision(tensorParallel=1, limits={"prompts": 64}).spec_digest == revision().spec_digest


@pytest.mark.parametrize("served", [True, False])
def test_a_revision_is_read_as_it_was_remembered(served: bool) -> None:
    known = replace(revision(), number=7, served=served)
    manifest = build_controller_revision(a_model(), known)
    kubernetes_validate.validate(manifest, "1.35", strict=True)
    assert manifest["metadata"]["name"] == f"mistral-{known.hash}"
    assert read_controller_revision(manifest) == known


def test_settings_and_memory_of_each_revision_are_written_before_the_deployment() -> None:
    new, old = replace(revision(limits={"prompts": 8}), number=2), replace(revision(), number=1)
    rollout = Rollout(new, (new, old))
    written = [
        (child["kind"], child["metadata"]["name"])
        for child in build_children(a_model(), SETTINGS, (), rollout)
    ]
    assert written[:4] == [
        ("ConfigMap", new.settings.name),
        ("ConfigMap", old.settings.name),
        ("ControllerRevision", f"mistral-{new.hash}"),
        ("ControllerRevision", f"mistral-{old.hash}"),
    ]


def test_revisions_with_the_same_settings_share_them() -> None:
    new, old = replace(revision(engine={"maxModelLen": 8}), number=2), replace(revision(), number=1)
    built = build_children(a_model(), SETTINGS, (), Rollout(new, (new, old)))
    assert len([child for child in built if child["kind"] == "ConfigMap"]) == 1


def of_release_0_1_0() -> Revision:
    """The same pods as release 0.1.0 made them, with defaults of the API server."""
    built = revision()
    template = json.loads(json.dumps(built.template).replace(built.settings.name, "mistral-serving"))
    del template["metadata"]["labels"][REVISION_LABEL]
    template["metadata"]["annotations"] = {"inference.sirocco.dev/serving-config": "0123"}
    template["spec"]["dnsPolicy"] = "ClusterFirst"
    template["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    return replace(
        built, hash="0123456789", template=template, settings=replace(built.settings, name="mistral-serving")
    )


def test_a_label_and_a_name_alone_make_no_other_pods_than_those_of_release_0_1_0() -> None:
    assert not makes_other_pods(revision(), of_release_0_1_0())
    assert makes_other_pods(build_revision(a_model(), ANOTHER_IMAGE), of_release_0_1_0())
    assert makes_other_pods(revision(engine={"maxModelLen": 8}), of_release_0_1_0())
    assert makes_other_pods(revision(limits={"prompts": 8}), of_release_0_1_0())


def test_any_other_template_makes_other_pods() -> None:
    assert not makes_other_pods(revision(), revision())
    assert makes_other_pods(build_revision(a_model(), ANOTHER_IMAGE), revision())
