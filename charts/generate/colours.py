"""Which colour says what."""

from collections.abc import Iterable, Mapping
from typing import Final

from sirocco_operator.status.reasons import MEANINGS, Stage

# The colour of every series whose whole name a pattern matches.
Colours = Mapping[str, str]

_OF_STAGE: Final = {
    Stage.SETTLED: "green",
    Stage.WORKING: "blue",
    Stage.WAITING: "orange",
    Stage.RETRYING: "red",
    Stage.FAILED: "red",
}
# By the word that a model's status gives as its reason.
STATES: Final[Colours] = {str(reason): _OF_STAGE[meaning.stage] for reason, meaning in MEANINGS.items()}
# Of HTTP; 0 is no answer. Of two patterns that match, the later one counts.
STATUSES: Final[Colours] = {"[23]..": "green", "4..": "yellow", "429": "orange", "5..|0": "red"}
RESULTS: Final[Colours] = {
    "done|ok": "green",
    "retry|late": "orange",
    "error|unreachable|unauthorized|unreadable": "red",
}
SEVERITIES: Final[Colours] = {"critical": "red", "warning": "orange"}
# From a value on, a colour; the first is for everything below.
Steps = Iterable[tuple[float | None, str]]
# As the chart's own objectives: of shares of requests, and of seconds to the first token.
FAILING: Final[Steps] = ((None, "green"), (0.01, "orange"), (0.05, "red"))
LATE: Final[Steps] = ((None, "green"), (2.5, "orange"), (5, "red"))


def patterns(words: Colours) -> Colours:
    """One pattern a colour in place of one a word."""
    found: dict[str, list[str]] = {}
    for word, colour in words.items():
        found.setdefault(colour, []).append(word)
    return {"|".join(alike): colour for colour, alike in found.items()}
