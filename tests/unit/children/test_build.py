"""All children of a model together."""

import copy
import json
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from sirocco_operator.children.build import build_children
from sirocco_operator.kube.kinds import (
    CHILD_KINDS,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    SCALED_OBJECT,
    SERVICE,
    SERVICE_MONITOR,
    Kind,
)
from sirocco_operator.settings import Settings
from tests.unit.children.rendering import SETTINGS, a_model, children

pytestmark = pytest.mark.unit

RICH: dict[str, Any] = {
    "replicas": 2,
    "tensorParallel": 2,
    "model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3", "secretName": "hf-token"},
    "cache": {"claimName": "weights"},
    "engine": {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}], "maxModelLen": 4096},
    "resources": {"requests": {"cpu": "2", "memory": "16Gi"}, "limits": {"memory": "32Gi"}},
    "nodeSelector": {"zone": "a"},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [{"name": "extra", "configMap": {"name": "extra"}}],
    "volumeMounts": [{"name": "extra", "mountPath": "/extra", "readOnly": True}],
    "podSecurityContext": {"runAsUser": 1234, "supplementalGroups": [5]},
    "podLabels": {"team": "search"},
    "podAnnotations": {"note": "x"},
    "access": {
        "keysSecretName": "keys",
        "allowedOrigins": ["*"],
        "deniedPatterns": [{"name": "card", "pattern": "[0-9]{16}"}],
    },
    "limits": {"inFlight": 8, "answerCache": {"seconds": 60}},
    "tracing": {"endpoint": "http://collector:4317"},
}


AUTOSCALED: dict[str, Any] = {"autoscaling": {"maxReplicas": 4}}
KEDA = SETTINGS.model_copy(
    update={"autoscaling_provider": "keda", "keda_prometheus_url": "http://prometheus:9090"}
)


@pytest.mark.parametrize(
    ("settings", "other"), [(SETTINGS, SCALED_OBJECT), (KEDA, HORIZONTAL_POD_AUTOSCALER)]
)
def test_children_come_in_the_order_of_writing_with_one_autoscaler(settings: Settings, other: Kind) -> None:
    built = build_children(a_model(**AUTOSCALED), settings, CHILD_KINDS)
    without = (other, CONTROLLER_REVISION)
    assert [child["kind"] for child in built] == [kind.kind for kind in CHILD_KINDS if kind not in without]


@pytest.mark.parametrize("version", ["1.31", "1.35"])
@pytest.mark.parametrize(
    "spec",
    [
        {"replicas": 2},
        AUTOSCALED,
        {"device": "cpu", "model": {"uri": "oci://models/smollm2:1"}},
        {"model": {"uri": "pvc://weights/mistral"}},
        RICH,
    ],
    ids=["smallest", "autoscaled", "image", "claim", "everything"],
)
def test_every_field_is_one_that_kubernetes_knows(spec: dict[str, Any], version: str) -> None:
    for child in build_children(a_model(**spec), SETTINGS, set(CHILD_KINDS) - {SERVICE_MONITOR}):
        kubernetes_validate.validate(child, version, strict=True)


def test_the_same_model_always_gives_the_same_children() -> None:
    first, second = (json.dumps(build_children(a_model(**RICH), SETTINGS, CHILD_KINDS)) for _ in range(2))
    assert first == second


def test_changing_a_child_leaves_the_model_as_it_was() -> None:
    model = a_model(**RICH)
    before = copy.deepcopy(model)
    for child in build_children(model, SETTINGS, CHILD_KINDS):
        for part in _parts(child):
            part.clear()
    assert model == before


def test_every_child_is_owned_by_its_model() -> None:
    for child in build_children(a_model(replicas=2, uid="1234"), SETTINGS, CHILD_KINDS):
        assert child["metadata"]["ownerReferences"] == [
            {
                "apiVersion": "inference.sirocco.dev/v1alpha1",
                "kind": "InferenceModel",
                "name": "mistral",
                "uid": "1234",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]


def test_a_model_without_uid_owns_nothing() -> None:
    for child in build_children(a_model(uid=""), SETTINGS, CHILD_KINDS):
        assert "ownerReferences" not in child["metadata"]


def test_every_child_is_named_placed_and_labelled_after_its_model() -> None:
    for kind, child in children(a_model(replicas=2)).items():
        assert child["metadata"]["name"].startswith("mistral-serving-" if kind == "ConfigMap" else "mistral")
        assert child["metadata"]["namespace"] == "models"
        assert child["metadata"]["labels"] == {
            "app.kubernetes.io/name": "vllm",
            "app.kubernetes.io/instance": "mistral",
            "app.kubernetes.io/component": "model-server",
            "app.kubernetes.io/managed-by": "sirocco-operator",
            "inference.sirocco.dev/model": "mistral",
        }


def test_an_optional_kind_is_made_only_where_the_cluster_serves_it() -> None:
    assert "ServiceMonitor" in children(a_model(), available=[SERVICE_MONITOR])
    without = children(a_model(), available=[SERVICE, DEPLOYMENT])
    assert "ServiceMonitor" not in without
    assert "ConfigMap" in without


def _parts(value: object) -> list[dict[str, object] | list[object]]:
    """Every mapping and list within, the inner ones first."""
    if isinstance(value, dict):
        return [part for item in value.values() for part in _parts(item)] + [value]
    if isinstance(value, list):
        return [part for item in value for part in _parts(item)] + [value]
    return []
