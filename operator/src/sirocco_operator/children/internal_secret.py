"""The Secret with the internal key, by which scrapers and the operator use a model's closed routes."""

import base64
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import INTERNAL_KEY
from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.kinds import CONFIG_MAP, SECRET

_README: Final = (
    "This object has no use of its own. Its owner reference to the Secret of the same name tells the "
    "operator, which may not read Secrets, when that one is deleted: Kubernetes takes the reference away.\n"
)


def internal_secret_name(model: str) -> str:
    """The Secret's name; the model's own name is likely to be taken by a user's Secret."""
    return f"{model}-internal"


def build_internal_secret(model: InferenceModel, key: str) -> dict[str, Any]:
    """The Secret with this key. It is not one of the children, because it is written once and then kept."""
    return {
        **manifest(SECRET, model, name=internal_secret_name(model.metadata.name)),
        "type": "Opaque",
        "data": {INTERNAL_KEY: base64.b64encode(key.encode()).decode()},
    }


def build_witness(model: InferenceModel, secret_uid: str) -> dict[str, Any]:
    """The ConfigMap that tells whether the Secret with this uid is there; empty while it is still to be made.

    The garbage collector removes a reference to an owner that is gone:
    https://kubernetes.io/docs/concepts/architecture/garbage-collection/
    """
    witness = manifest(CONFIG_MAP, model, name=internal_secret_name(model.metadata.name))
    if secret_uid:
        secret = {"apiVersion": SECRET.api_version, "kind": SECRET.kind, "uid": secret_uid}
        owners = witness["metadata"].get("ownerReferences", [])
        witness["metadata"]["ownerReferences"] = [*owners, {**secret, "name": witness["metadata"]["name"]}]
    return {**witness, "data": {"README": _README}}


def witnessed_secret(witness: Manifest) -> str:
    """The uid of the Secret that is there; empty when the witness knows of none."""
    owners = witness["metadata"].get("ownerReferences") or ()
    return next((str(owner["uid"]) for owner in owners if owner.get("kind") == SECRET.kind), "")
