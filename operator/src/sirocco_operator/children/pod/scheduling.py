"""Where a model's pods may run."""

from copy import deepcopy
from typing import Any

from sirocco_operator.api.v1alpha1 import Device, InferenceModel


def scheduling(model: InferenceModel) -> dict[str, Any]:
    """The pod's scheduling fields that are set."""
    spec = model.spec
    fields = {
        "nodeSelector": dict(spec.node_selector),
        "tolerations": _tolerations(model),
        "affinity": deepcopy(spec.affinity),
        "topologySpreadConstraints": deepcopy(list(spec.topology_spread_constraints)),
        "priorityClassName": spec.priority_class_name,
        "runtimeClassName": spec.runtime_class_name,
    }
    return {name: value for name, value in fields.items() if value}


def _tolerations(model: InferenceModel) -> list[dict[str, Any]]:
    """The user's tolerations, and one for the taint of GPU nodes, whose key is the GPU's resource name."""
    tolerations = [
        toleration.model_dump(by_alias=True, exclude_none=True) for toleration in model.spec.tolerations
    ]
    gpu = {"key": model.spec.gpu_resource, "operator": "Exists"}
    if model.spec.device is Device.GPU and gpu not in tolerations:
        tolerations.append(gpu)
    return tolerations
