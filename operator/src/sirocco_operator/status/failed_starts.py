"""Whether the engines of a revision cannot start, so that it will not serve, and why.

Only starts of the engine count: a pod that waits for a node, an image or its weights may still come up.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.all_detectors import first_finding
from sirocco_operator.status.detector import Finding
from sirocco_operator.status.messages import quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason

# With the kubelet's back-off this takes about a minute.
FAILED_STARTS: Final = 3


def failed_revisions(model_pods: Sequence[Manifest]) -> frozenset[str]:
    """The revisions, by label, whose engines ended three times, or used up their time to start."""
    failures: Counter[str] = Counter()
    for pod in model_pods:
        if pods.is_terminating(pod) or pods.has_finished(pod) or pods.has_started(pod):
            continue
        failures[pods.revision(pod)] += (
            FAILED_STARTS if _is_overdue(pod) else pods.failed_runs(pod, ENGINE_CONTAINER)
        )
    return frozenset(revision for revision, count in failures.items() if count >= FAILED_STARTS)


def cause_of(state: ModelState) -> str:
    """Why the engines of the Deployment's revision cannot start, as reason and message."""
    finding = first_finding(state)
    if any(_is_overdue(pod) for pod in state.unready_pods):
        finding = Finding.of(Reason.STARTUP_TIMEOUT, "the engine was not ready within its startup budget")
    return quotation(f"{finding.reason}: {finding.message}")


def _is_overdue(pod: Manifest) -> bool:
    """Whether a start lasted as long as its probe allows: the kubelet has ended it then."""
    ended = pods.termination(pod, ENGINE_CONTAINER) or {}
    started, finished = (pods.time_of(ended.get(key)) for key in ("startedAt", "finishedAt"))
    budget = pods.startup_budget(pod)
    if not (started and finished and budget) or pods.had_come_up(pod):
        return False
    return (finished - started).total_seconds() >= budget
