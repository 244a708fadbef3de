"""The table of detectors: one row a way in which a model can be; the first that finds something is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sirocco_operator.status import plain
from sirocco_operator.status.reasons import MEANINGS, Reason
from sirocco_operator.status.text import bounded, masked
from sirocco_operator.status.view import View

# Long enough for two sentences and a quotation; Kubernetes itself allows 32,768.
MESSAGE_LIMIT = 1024
DETAIL_LIMIT = 600


@dataclass(frozen=True)
class Finding:
    """What is told of a model."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Row:
    """A reason, the function that sees it, and the sentence that tells it.

    `detect` gives the words for the placeholders in `cause`, or None when it sees nothing.
    `fix` replaces the reason's own in the message.
    """

    reason: Reason
    detect: Callable[[View], Mapping[str, str] | None]
    cause: str
    fix: str | None = None

    def find(self, view: View) -> Finding | None:
        """What this row sees, as a sentence: cause, then fix."""
        details = self.detect(view)
        if details is None:
            return None
        quoted = {key: bounded(masked(value), DETAIL_LIMIT) for key, value in details.items()}
        fix = MEANINGS[self.reason].fix if self.fix is None else self.fix
        message = self.cause.format(**quoted)
        return Finding(self.reason, bounded(f"{message}: {fix}" if fix else message, MESSAGE_LIMIT))


TABLE: tuple[Row, ...] = (
    Row(Reason.STOPPING, plain.stopping, "replicas is 0, {pods} finishing the requests in flight"),
    Row(Reason.STOPPED, plain.stopped, "replicas is 0"),
    Row(Reason.DOWNLOADING, plain.downloading, "fetching {progress}"),
    Row(Reason.LOADING, plain.loading, "the engine loads {model}"),
    Row(Reason.ROLLING_OUT, plain.rolling_out, "{updated} of {wanted} replicas serve the new revision"),
    Row(Reason.READY, plain.ready, "{serving} of {wanted} replicas serve"),
    Row(Reason.STARTING, plain.starting, "{created} of {wanted} pods are created"),
)


def find(view: View) -> Finding:
    """The first row's finding; the last row always finds."""
    return next(finding for row in TABLE if (finding := row.find(view)))
