"""The ServiceAccount that a model's pods run as."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.kube.kinds import SERVICE_ACCOUNT


def service_account_name(model: InferenceModel) -> str:
    """The name of the user's ServiceAccount, or of the one that the operator creates."""
    return model.spec.service_account_name or model.metadata.name


def build_service_account(model: InferenceModel) -> dict[str, Any]:
    """A ServiceAccount without rights and without a token."""
    return {**manifest(SERVICE_ACCOUNT, model), "automountServiceAccountToken": False}
