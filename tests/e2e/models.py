"""The InferenceModels that the tests apply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.kind.paths import REPOSITORY
from tests.serving.container import QUICK

WEIGHTS: Final = "oci://sirocco/smollm2-135m-instruct:1"
STANDIN_IMAGE: Final = "sirocco/standin:dev"
# An engine without the serving layer.
STOCK_IMAGE: Final = "sirocco/standin-base:dev"
OURS: Final = "app.kubernetes.io/managed-by=sirocco-operator"
SAMPLE: Final = REPOSITORY / "manifests" / "smollm2-cpu.yaml"

Manifest = dict[str, Any]


def sample(path: Path = SAMPLE) -> Manifest:
    """The sample that everyone can run, as a person would apply it."""
    manifest: Manifest = yaml.safe_load(path.read_text())
    return manifest


def modest(manifest: Manifest) -> Manifest:
    """A sample with one core and one thread a pod, as two that spin on two cores starve each other.

    It asks for little, so that other pods find room beside it.
    """
    spec = manifest["spec"]
    threads = {"name": "OMP_NUM_THREADS", "value": "1"}
    others = [one for one in spec["engine"]["env"] if one["name"] != threads["name"]]
    engine = {**spec["engine"], "env": [*others, threads]}
    resources = {
        "requests": {**spec["resources"]["requests"], "cpu": "50m"},
        "limits": {**spec["resources"]["limits"], "cpu": "1"},
    }
    return {**manifest, "spec": {**spec, "engine": engine, "resources": resources}}


def quick(manifest: Manifest) -> Manifest:
    """A model of a real vLLM that starts in less of the CPU's time."""
    spec = manifest["spec"]
    engine = {**spec["engine"], "args": [*spec["engine"].get("args", ()), *QUICK]}
    return {**manifest, "spec": {**spec, "engine": engine}}


def inference_model(name: str, **spec: Any) -> Manifest:
    """A resource of that name; `spec` in the API's own words."""
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": name},
        "spec": {"model": {"uri": WEIGHTS}, **spec},
    }


def stand_in(name: str, **spec: Any) -> Manifest:
    """A model whose engine is the light stand-in, behind the real serving layer."""
    engine = {"image": STANDIN_IMAGE, **spec.pop("engine", {})}
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}}
    return inference_model(name, **{"device": "cpu", "engine": engine, "resources": resources, **spec})


def reason(model: Mapping[str, Any] | None) -> str:
    """The status' reason, once the operator has seen the present specification; else the empty string."""
    status = (model or {}).get("status") or {}
    if not model or status.get("observedGeneration") != model["metadata"]["generation"]:
        return ""
    return str(status.get("reason", ""))


def message(model: Mapping[str, Any]) -> str:
    """The status' sentence."""
    return str(model["status"]["message"])


def of(name: str) -> str:
    """The selector of a model's objects."""
    return f"inference.sirocco.dev/model={name}"
