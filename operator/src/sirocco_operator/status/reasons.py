"""The closed set of reasons, what each means for the conditions, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a model is as it is; the value is what `.status.reason` says."""

    INVALID_SPEC = "InvalidSpec"
    READY = "Ready"
    STOPPED = "Stopped"
    STOPPING = "Stopping"
    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    ROLLING_OUT = "RollingOut"


class Stage(StrEnum):
    """What a reason means for Progressing and Degraded; Ready is told by the serving pods alone."""

    SETTLED = "settled"  # as wanted: neither
    WORKING = "working"  # goes on by itself: Progressing
    WAITING = "waiting"  # goes on once something outside changes: Progressing and Degraded
    FAILED = "failed"  # a person must act: Degraded


@dataclass(frozen=True)
class Meaning:
    """A reason's row in the reference: what it means, and what to do (empty when there is nothing to do)."""

    stage: Stage
    meaning: str
    fix: str = ""


MEANINGS: dict[Reason, Meaning] = {
    Reason.INVALID_SPEC: Meaning(
        Stage.FAILED,
        "The stored resource does not fit this operator's schema; its children are left as they are.",
        "correct the fields that the message names, and install the CRD of this operator's version",
    ),
    Reason.READY: Meaning(Stage.SETTLED, "All replicas serve."),
    Reason.STOPPED: Meaning(Stage.SETTLED, "No replicas are wanted.", "set replicas to 1 or more to serve"),
    Reason.STOPPING: Meaning(Stage.WORKING, "No replicas are wanted; pods finish the requests in flight."),
    Reason.STARTING: Meaning(Stage.WORKING, "Pods are being created and scheduled."),
    Reason.DOWNLOADING: Meaning(Stage.WORKING, "A pod fetches the model's weights."),
    Reason.LOADING: Meaning(Stage.WORKING, "The engine loads the weights and warms up."),
    Reason.ROLLING_OUT: Meaning(Stage.WORKING, "Pods of a new revision replace serving ones."),
}
