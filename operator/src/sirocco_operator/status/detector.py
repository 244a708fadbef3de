"""A detector: a reason, the function that detects it, and the sentence that reports it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from sirocco_operator.status.messages import message, quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import MEANINGS, Reason, Stage

# Returns the values of a cause's placeholders, or None when it detects nothing.
Detect = Callable[[ModelState], Mapping[str, str] | None]


@dataclass(frozen=True)
class Finding:
    """The reason that a model's status gives, its message, and how it may end."""

    reason: Reason
    message: str
    stage: Stage

    @classmethod
    def of(cls, reason: Reason, cause: str, fix: str | None = None, stage: Stage | None = None) -> Self:
        """The finding with the message `cause: fix`; without `fix` or `stage`, the reason's own."""
        meaning = MEANINGS[reason]
        return cls(reason, message(cause, meaning.fix if fix is None else fix), stage or meaning.stage)


@dataclass(frozen=True)
class Detector:
    """`detect` returns the values of the placeholders in `cause` and `fix`, or None when it detects nothing.

    `fix` replaces the reason's own fix in the message, `stage` the reason's own stage.
    """

    reason: Reason
    detect: Detect
    cause: str
    fix: str | None = None
    stage: Stage | None = None

    def find(self, state: ModelState) -> Finding | None:
        """The finding, with its quotations masked and bounded; None when nothing is detected."""
        values = self.detect(state)
        if values is None:
            return None
        quoted = {name: quotation(value) for name, value in values.items()}
        fix = None if self.fix is None else self.fix.format(**quoted)
        return Finding.of(self.reason, self.cause.format(**quoted), fix, self.stage)
