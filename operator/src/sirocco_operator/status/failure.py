"""The status of a model whose passes fail: what is known of it, and why its state is not put right."""

from collections.abc import Mapping, Sequence
from typing import Any

from sirocco_operator.api.parse import parse
from sirocco_operator.api.v1alpha1 import KIND
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Manifest, Observed, Refusal, RefusalCause
from sirocco_operator.status.reasons import Reason


def compute_failure(
    raw: Manifest, deployment: Manifest | None, pods: Sequence[Manifest], message: str, now: str
) -> tuple[dict[str, Any], ModelFigures]:
    """The status of the resource `raw`, and its figures; `message` is why a pass over it failed."""
    previous: Mapping[str, Any] = raw.get("status") or {}
    refusal = Refusal(RefusalCause.FAILED, KIND, raw["metadata"]["name"], message)
    observed = Observed(deployment=deployment, pods=pods, refusals=[refusal])
    try:
        status = compute(parse(raw), observed, previous, now)
        return status, figures(status, observed)
    except Exception:
        # The computation itself may be what fails.
        status = invalid(raw["metadata"], message, pods, previous, now, Reason.RECONCILE_FAILED)
        return status, figures(status, Observed(pods=pods))
