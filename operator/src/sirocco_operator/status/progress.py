"""How far a model is on its way to what its spec asks: what it says, since when, and whether it is stuck."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.children.times import startup_budget
from sirocco_operator.status import pods
from sirocco_operator.status.all_detectors import first_finding
from sirocco_operator.status.conditions import READY
from sirocco_operator.status.detector import Finding
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import MEANINGS, Reason, Stage

# With the kubelet's back-off this takes about a minute.
FAILED_STARTS: Final = 3

_WORKING: Final = {reason for reason, meaning in MEANINGS.items() if meaning.stage is Stage.WORKING} | {
    Reason.PROGRESS_DEADLINE_EXCEEDED
}


@dataclass(frozen=True)
class Progress:
    """What a model's status says, and since when it has come no closer: None when it is as asked.

    `stalled`: it will not get there unless somebody changes something.
    """

    finding: Finding
    since: str | None = None
    stalled: bool = False


def assess(state: ModelState, previous: Mapping[str, Any], now: str) -> Progress:
    """Where the model stands at `now`, an RFC 3339 time; `previous` is the status that it carries."""
    finding = first_finding(state)
    if state.is_as_asked:
        return Progress(finding)
    since = _last_progress(state, finding, previous, now)
    budget = startup_budget(state.model)
    is_overdue = _seconds_left(since, now, budget) <= 0
    if is_overdue and finding.stage is Stage.WORKING and not _is_at_work(state, now):
        finding = _deadline_exceeded(finding, budget)
    return Progress(finding, since, _is_stalled(state, finding, is_overdue))


def seconds_until_stalled(status: Mapping[str, Any], now: str, budget: int) -> float | None:
    """Seconds until a model's startup budget is used up; None when it is, or when none runs."""
    since = status.get("lastProgressTime")
    left = _seconds_left(since, now, budget) if since else 0
    return left if left > 0 else None


def _last_progress(state: ModelState, finding: Finding, previous: Mapping[str, Any], now: str) -> str:
    """The time of the model's last progress: a new spec, or a step of what goes on by itself.

    A step after a failure is none: what fails again and again would never come to an end.
    """
    before = previous.get("lastProgressTime")
    if not before or previous.get("observedGeneration") != state.model.metadata.generation:
        return now
    # Of the condition, as the status's own message may go on.
    told: Mapping[str, Any] = next(
        (each for each in previous.get("conditions") or () if each.get("type") == READY), {}
    )
    reason, message = told.get("reason"), told.get("message")
    if finding.stage is not Stage.WORKING or reason not in _WORKING:
        return str(before)
    overdue = _deadline_exceeded(finding, startup_budget(state.model))
    stands = (reason, message) in ((finding.reason, finding.message), (overdue.reason, overdue.message))
    return str(before) if stands else now


def _is_stalled(state: ModelState, finding: Finding, is_overdue: bool) -> bool:
    match finding.stage:
        case Stage.FAILED:
            return True
        case Stage.WAITING:
            return is_overdue
        case Stage.RETRYING:
            return is_overdue or any(pods.failed_starts(pod) >= FAILED_STARTS for pod in state.unready_pods)
        case _:
            return False


def _is_at_work(state: ModelState, now: str) -> bool:
    """Whether something runs that ends by itself in time, however long it takes.

    A download without bytes ends itself, the startup probe an engine that loads too long, and the grace
    period a pod that finishes its requests.
    """
    if any(str(pod["metadata"].get("deletionTimestamp") or "") >= now for pod in state.observed.pods):
        return True
    return any(
        pods.is_running(pod, DOWNLOAD_CONTAINER)
        or (pods.is_running(pod, ENGINE_CONTAINER) and not pods.has_started(pod))
        for pod in state.unready_pods
    )


def _deadline_exceeded(finding: Finding, budget: int) -> Finding:
    lasted = f"{budget} s" if budget % 60 else f"{budget // 60} minutes"
    return Finding.of(
        Reason.PROGRESS_DEADLINE_EXCEEDED, f"{finding.message}, and nothing has moved for {lasted}"
    )


def _seconds_left(since: str, now: str, budget: int) -> float:
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(since)
    return budget - passed.total_seconds()
