"""The rules refuse every name that the operator itself puts into a pod."""

from typing import Any

import pytest

from sirocco_operator.api.validation import problems
from tests.unit.api.documents import document, with_args, with_env, with_mount
from tests.unit.children.rendering import pod, template

pytestmark = pytest.mark.unit

# Between them these use every source of weights, both devices and every setting of the engine.
_ENGINE: dict[str, Any] = {
    "maxModelLen": 4096,
    "dtype": "half",
    "quantization": "awq",
    "kvCacheDtype": "fp8",
    "gpuMemoryUtilization": 0.9,
    "maxNumSeqs": 8,
    "maxNumBatchedTokens": 8192,
    "enforceEager": True,
    "trustRemoteCode": True,
}
_SPECS: tuple[dict[str, Any], ...] = (
    {"engine": _ENGINE, "tensorParallel": 2},
    {"model": {"uri": "oci://registry.example/model:1"}, "device": "cpu"},
    {"model": {"uri": "pvc://weights/mistral"}},
)


def _containers() -> list[dict[str, Any]]:
    pods = [pod(**spec) for spec in _SPECS]
    return [
        container for each in pods for container in [*each["containers"], *each.get("initContainers", ())]
    ]


def test_every_flag_that_the_operator_writes_is_refused() -> None:
    servers = [container for container in _containers() if container.get("command") == ["vllm", "serve"]]
    flags = {item for server in servers for item in server["args"] if item.startswith("--")}
    assert len(flags) >= 16
    assert [flag for flag in flags if not problems(with_args(flag))] == []


def test_every_variable_that_the_operator_sets_is_refused() -> None:
    names = {variable["name"] for container in _containers() for variable in container.get("env", ())}
    assert len(names) >= 6
    assert [name for name in names if not problems(with_env(name))] == []


def test_every_volume_that_the_operator_makes_is_refused() -> None:
    names = {volume["name"] for spec in _SPECS for volume in pod(**spec)["volumes"]}
    assert len(names) >= 6
    assert [name for name in names if not problems(document(volumes=[{"name": name}]))] == []


def test_every_path_that_the_operator_mounts_is_refused() -> None:
    paths = {mount["mountPath"] for container in _containers() for mount in container["volumeMounts"]}
    assert len(paths) >= 6
    assert [path for path in paths if not problems(with_mount(path))] == []


def test_every_label_and_annotation_that_the_operator_sets_is_refused() -> None:
    metadata = template()["metadata"]
    labels = [key for key in metadata["labels"] if not problems(document(podLabels={key: "x"}))]
    notes = [key for key in metadata["annotations"] if not problems(document(podAnnotations={key: "x"}))]
    assert (labels, notes) == ([], [])
