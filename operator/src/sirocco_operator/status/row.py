"""One row of the table: a reason, the function that sees it, and the sentence that tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sirocco_operator.status.reasons import MEANINGS, Reason
from sirocco_operator.status.text import bounded, masked
from sirocco_operator.status.view import View

# Long enough for two sentences and a quotation; Kubernetes itself allows 32,768.
MESSAGE_LIMIT = 1024
QUOTATION_LIMIT = 500

Detector = Callable[[View], Mapping[str, str] | None]


@dataclass(frozen=True)
class Finding:
    """What is told of a model."""

    reason: Reason
    message: str


def tell(reason: Reason, cause: str, fix: str | None = None) -> Finding:
    """The finding's sentence, `cause: fix`; the reason's own fix where none is given."""
    advice = MEANINGS[reason].fix if fix is None else fix
    return Finding(reason, bounded(f"{cause}: {advice}" if advice else cause, MESSAGE_LIMIT))


@dataclass(frozen=True)
class Row:
    """`detect` gives the words for the placeholders in `cause`, or None when it sees nothing.

    `fix` replaces the reason's own in the message.
    """

    reason: Reason
    detect: Detector
    cause: str
    fix: str | None = None

    def find(self, view: View) -> Finding | None:
        """What this row sees: cause, then fix, quotations masked and bounded."""
        details = self.detect(view)
        if details is None:
            return None
        quoted = {key: quotation(value) for key, value in details.items()}
        return tell(self.reason, self.cause.format(**quoted), self.fix)


def quotation(text: str) -> str:
    """Somebody else's words, in one line, without secrets, not too long, without a closing stop."""
    return bounded(" ".join(masked(text).split()), QUOTATION_LIMIT).rstrip(".: ")
