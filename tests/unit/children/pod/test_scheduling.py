"""Where pods may run, and their resources."""

from typing import Any

import pytest

from tests.unit.children.rendering import engine, pod

pytestmark = pytest.mark.unit


def test_one_gpu_by_default() -> None:
    gpu = {"nvidia.com/gpu": "1"}
    assert engine()["resources"] == {"requests": gpu, "limits": gpu}


def test_tensor_parallel_asks_for_that_many_gpus_in_one_pod() -> None:
    gpus = {"nvidia.com/gpu": "4"}
    assert engine(tensorParallel=4)["resources"] == {"requests": gpus, "limits": gpus}


def test_a_gpu_of_another_maker_is_requested_and_its_taint_tolerated() -> None:
    assert engine(gpuResource="amd.com/gpu")["resources"]["limits"] == {"amd.com/gpu": "1"}
    assert pod(gpuResource="amd.com/gpu")["tolerations"] == [{"key": "amd.com/gpu", "operator": "Exists"}]


def test_gpus_come_on_top_of_the_users_resources() -> None:
    resources = {"requests": {"cpu": 4, "memory": "16Gi"}, "limits": {"memory": "32Gi"}}
    assert engine(resources=resources)["resources"] == {
        "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "32Gi", "nvidia.com/gpu": "1"},
    }


def test_a_cpu_model_asks_for_no_gpu_and_tolerates_no_gpu_taint() -> None:
    assert "resources" not in engine(device="cpu")
    assert "tolerations" not in pod(device="cpu")


def test_the_taint_of_gpu_nodes_is_tolerated() -> None:
    assert pod()["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def test_the_users_tolerations_come_with_it_and_none_comes_twice() -> None:
    spot = {
        "key": "spot",
        "operator": "Equal",
        "value": "yes",
        "effect": "NoExecute",
        "tolerationSeconds": 60,
    }
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists"}
    assert pod(tolerations=[spot])["tolerations"] == [spot, gpu]
    assert pod(tolerations=[gpu, spot])["tolerations"] == [gpu, spot]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nodeSelector", {"gpu": "h200"}),
        ("affinity", {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}),
        ("topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "zone"}]),
        ("priorityClassName", "serving"),
        ("runtimeClassName", "nvidia"),
        ("imagePullSecrets", [{"name": "registry"}]),
    ],
)
def test_a_field_of_the_pod_is_passed_on(field: str, value: Any) -> None:
    assert pod(**{field: value})[field] == value
    assert field not in pod()
