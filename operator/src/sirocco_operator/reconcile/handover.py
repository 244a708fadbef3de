"""Hands a Deployment's replica count over to autoscaling without a moment in which it falls.

A field that its only owner in server-side apply no longer sends goes back to its default: 1 replica under
full load. So the operator goes on sending the live count until somebody else owns it, which the API server
notes in `managedFields` when the HPA first changes the count through the scale subresource.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
"""

from collections.abc import Mapping
from typing import Any, Final

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.controller.store import Manifest

_REPLICAS: Final = ("f:spec", "f:replicas")


def hand_over(wanted: Manifest, live: Manifest, autoscaling: Autoscaling, manager: str) -> dict[str, Any]:
    """The wanted Deployment with the count that `manager`, the operator, may send now, or without one.

    While it sends one, that is the live count between the fewest and the most, and only for the version that
    it was read from: an HPA that decides at the same moment wins. At 0, where an HPA stays off for ever, the
    fewest are set.
    """
    count = int((live.get("spec") or {}).get("replicas", 1))
    spec = {key: value for key, value in wanted["spec"].items() if key != "replicas"}
    if count and _others_own(live, manager):
        return {**wanted, "spec": spec}
    version = live["metadata"]["resourceVersion"]
    return {
        **wanted,
        "metadata": {**wanted["metadata"], "resourceVersion": version},
        "spec": {"replicas": autoscaling.clamp(count), **spec},
    }


def _others_own(live: Manifest, manager: str) -> bool:
    return any(
        entry.get("manager") != manager and _holds(entry.get("fieldsV1") or {})
        for entry in live["metadata"].get("managedFields") or ()
    )


def _holds(fields: Mapping[str, Any]) -> bool:
    return _REPLICAS[1] in (fields.get(_REPLICAS[0]) or {})
