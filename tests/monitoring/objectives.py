"""When the alerts on the burn rate of an objective fire: both windows count, and so do too few requests."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.monitoring.case import MODEL, OF, Case, Firing

# How long, in minutes, and how many of a hundred requests break the objective.
Steps = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Objective:
    """An alert, the share that is allowed in percent, and what is said of a share that is seen."""

    alert: str
    allowed: float
    summary: str
    description: str
    # The series of requests, of which some broke the objective: each as promtool notes a counter.
    series: Callable[[str, str, str], dict[str, str]]

    def firing(self, severity: str, percent: str) -> Firing:
        """The alert of a severity."""
        return Firing(severity, MODEL, self.summary, self.description.format(share=f"{percent}%"))


def counter(steps: Steps, of: Callable[[float], float], requests: float) -> str:
    """A counter that grows by `of` the percentage in each minute, of so many requests a minute."""
    value, parts = 0.0, []
    for minutes, percent in steps:
        growth = of(percent) / 100 * requests
        parts.append(f"{value:g}+{growth:g}x{minutes - 1}")
        value += growth * minutes
    return " ".join(parts)


def series(objective: Objective, steps: Steps, requests: float = 100) -> dict[str, str]:
    """The objective's series over these steps."""
    good, bad, every = (
        counter(steps, of, requests) for of in (lambda part: 100 - part, lambda part: part, lambda _: 100)
    )
    return objective.series(good, bad, every)


def histogram(metric: str, bound: str) -> Callable[[str, str, str], dict[str, str]]:
    """Requests within a bound, and all."""

    def found(good: str, _: str, every: str) -> dict[str, str]:
        return {f'{metric}_bucket{{{OF},le="{bound}"}}': good, f"{metric}_count{{{OF}}}": every}

    return found


def answers(good: str, bad: str, _: str) -> dict[str, str]:
    """Requests answered with 200 and with 503."""
    labels = f'{OF},route="/v1/chat/completions",key="alice"'
    return {
        f'sirocco_serving_requests_total{{{labels},status="200"}}': good,
        f'sirocco_serving_requests_total{{{labels},status="503"}}': bad,
    }


FIRST_TOKEN: Final = Objective(
    "SiroccoFirstTokenSlow",
    5,
    "First tokens of team/mistral come too late.",
    "{share} of requests wait longer than 2.5 s for their first token; the objective allows a share of 0.05.",
    histogram("vllm:time_to_first_token_seconds", "2.5"),
)
OUTPUT_TOKEN: Final = Objective(
    "SiroccoOutputTokenSlow",
    5,
    "Tokens of team/mistral come too slowly.",
    "In {share} of requests a token takes longer than 0.1 s on average; "
    "the objective allows a share of 0.05.",
    histogram("vllm:request_time_per_output_token_seconds", "0.1"),
)
ERRORS: Final = Objective(
    "SiroccoErrors",
    1,
    "team/mistral answers with errors.",
    "{share} of requests are answered with a status of 500 or above; the objective allows a share of 0.01.",
    answers,
)


def cases(one: Objective) -> Iterator[Case]:
    """What fires as critical, and as a warning: both windows must have their share, and requests enough."""
    fast, slow = int(14.4 * one.allowed), int(6 * one.allowed)

    def case(name: str, steps: Steps, at: int, *firing: Firing, requests: float = 100) -> Case:
        return Case(one.alert, name, series(one, steps, requests), f"{at}m", firing)

    def critical(percent: float) -> Firing:
        return one.firing("critical", f"{percent:.4g}")

    def warning(percent: float) -> Firing:
        return one.firing("warning", f"{percent:.4g}")

    yield case("fast", [(90, fast + 1)], 70, critical(fast + 1), warning(fast + 1))
    yield case("not quite as fast", [(90, fast - 1)], 70, warning(fast - 1))
    yield case("slowly", [(420, slow + 1)], 390, warning(slow + 1))
    yield case("not even slowly", [(420, slow - 1)], 390)
    yield case("for two minutes", [(60, 100)], 2)
    yield case("for six minutes", [(60, 100)], 6, critical(100))
    hour = int(14.4 * one.allowed / 100 * 60)
    yield case("not yet enough of an hour", [(360, 0), (hour + 5, 100)], 360 + hour)
    over = (60 * 100 + 10 * (fast - 1)) / 70
    yield case("a burst that is over", [(60, 100), (20, fast - 1)], 70, warning(over))
    six_hours = math.ceil(6 * one.allowed / 100 * 360) - 1
    of_last_hour = min(six_hours, 60) / 60 * 100
    yield case(
        "not yet enough of six hours",
        [(420, 0), (six_hours + 5, 100)],
        420 + six_hours,
        critical(of_last_hour),
    )
    yield case("a long burst that is over", [(300, 100), (80, slow - 1)], 370)
    yield case("18 requests an hour", [(90, 100)], 63, requests=0.3)
    yield case("22 requests an hour", [(90, 100)], 66, critical(100), requests=0.37)
    yield case("18 requests in six hours", [(420, 100)], 400, requests=0.05)
    yield case("22 requests in six hours", [(420, 100)], 400, warning(100), requests=0.0611)


OBJECTIVES: Final = tuple(case for one in (FIRST_TOKEN, OUTPUT_TOKEN, ERRORS) for case in cases(one))
