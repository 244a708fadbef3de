"""What one test of an alert is made of."""

from dataclasses import dataclass, field
from typing import Final

# The labels of the model that the tests tell of, as they are in series, and in alerts.
OF: Final = 'namespace="team",model="mistral"'
MODEL: Final = {"namespace": "team", "model": "mistral"}


@dataclass(frozen=True)
class Firing:
    """An alert that Prometheus is to send; `description` as a person reads it."""

    severity: str
    labels: dict[str, str]
    summary: str
    description: str


@dataclass(frozen=True)
class Case:
    """Series with a value a minute, in promtool's notation, and what fires at a time."""

    alert: str
    name: str
    series: dict[str, str]
    at: str
    firing: tuple[Firing, ...] = field(default=())
