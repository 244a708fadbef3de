"""The conditions of a model, as kstatus and `kubectl wait` read them.

Of Ready, Reconciling and Stalled one is True at any time; a condition that does not hold, and has nothing to
tell, is named as Cluster API does: `Not` and its type.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sirocco_operator.status.detector import Finding
from sirocco_operator.status.reasons import Reason, Stage

READY = "Ready"
AVAILABLE = "Available"
RECONCILING = "Reconciling"
STALLED = "Stalled"


class Condition(NamedTuple):
    """A condition without its times."""

    type: str
    status: str
    reason: str
    message: str


def conditions_of(
    finding: Finding, serving: str, *, ready: bool, available: bool, stalled: bool
) -> list[Condition]:
    """The four conditions of a model with this finding; `serving` says how many replicas serve."""
    told = (str(finding.reason), finding.message)
    # Beyond what the spec asks for at least, pods may still be on their way.
    as_asked = told if finding.stage is Stage.SETTLED else (str(Reason.READY), serving)
    return [
        Condition(READY, "True", *as_asked) if ready else Condition(READY, "False", *told),
        Condition(AVAILABLE, "True", AVAILABLE, serving)
        if available
        else Condition(AVAILABLE, "False", *told),
        _unless_quiet(RECONCILING, not ready and not stalled, told),
        _unless_quiet(STALLED, stalled, told),
    ]


def with_times(
    conditions: Iterable[Condition], generation: int, previous: Mapping[str, Any], now: str
) -> list[dict[str, Any]]:
    """The conditions as the status holds them; the time of one that did not change is that of `previous`."""
    before = {entry.get("type"): entry for entry in previous.get("conditions") or ()}
    entries = []
    for condition in conditions:
        old = before.get(condition.type) or {}
        since = old.get("lastTransitionTime") if old.get("status") == condition.status else None
        entries.append(
            {
                **condition._asdict(),
                "observedGeneration": generation,
                "lastTransitionTime": since or now,
            }
        )
    return entries


def _unless_quiet(kind: str, holds: bool, told: tuple[str, str]) -> Condition:
    return Condition(kind, "True", *told) if holds else Condition(kind, "False", f"Not{kind}", "")
