"""The resources of the engine's container."""

from typing import Any

from sirocco_operator.api.v1alpha1 import Device, InferenceModel


def engine_resources(model: InferenceModel) -> dict[str, Any]:
    """The user's requests and limits, and a GPU for each tensor-parallel rank; empty without any."""
    resources = model.spec.resources
    gpus = (
        {model.spec.gpu_resource: str(model.spec.tensor_parallel)} if model.spec.device is Device.GPU else {}
    )
    both = {"requests": {**resources.requests, **gpus}, "limits": {**resources.limits, **gpus}}
    return {kind: amounts for kind, amounts in both.items() if amounts}
