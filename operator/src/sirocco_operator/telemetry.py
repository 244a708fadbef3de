"""The operator's metrics and logs. No object's content is ever in either."""

import json
import logging
import sys
from collections import Counter as Count
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sirocco_operator.controller.store import Key

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Telemetry:
    """What the operator counts; everything is named `sirocco_operator_*`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._states: dict[Key, str] = {}
        self._passes = Counter(
            "sirocco_operator_reconciles_total",
            "Passes over a model by result: done, retry, error.",
            ["result"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sirocco_operator_reconcile_seconds",
            "Time that one pass over a model took.",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
            registry=self._registry,
        )
        self._calls = Counter(
            "sirocco_operator_api_calls_total",
            "Calls of the Kubernetes API by verb, kind and HTTP status; code 0 is no answer.",
            ["verb", "kind", "code"],
            registry=self._registry,
        )
        self._queue_depth = Gauge(
            "sirocco_operator_queue_depth", "Models that wait for a worker.", registry=self._registry
        )
        self._leader = Gauge(
            "sirocco_operator_leader", "1 in the process that leads, else 0.", registry=self._registry
        )
        self._registry.register(_States(self._states))

    def called(self, verb: str, kind: str, code: int) -> None:
        """Count a call of the API."""
        self._calls.labels(verb, kind, str(code)).inc()

    def passed(self, seconds: float, result: str) -> None:
        """Count a pass over a model."""
        self._seconds.observe(seconds)
        self._passes.labels(result).inc()

    def state(self, key: Key, reason: str | None) -> None:
        """Note the reason in a model's status; None when the model is gone."""
        if reason is None:
            self._states.pop(key, None)
        else:
            self._states[key] = reason

    def watch_queue(self, depth: Callable[[], int]) -> None:
        """Read the queue's depth at each scrape."""
        self._queue_depth.set_function(depth)

    def watch_leader(self, leads: Callable[[], bool]) -> None:
        """Read at each scrape whether this process leads."""
        self._leader.set_function(lambda: float(leads()))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _States(Collector):
    def __init__(self, states: dict[Key, str]) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "sirocco_operator_objects", "InferenceModels by the reason in their status.", labels=["state"]
        )
        for state, number in sorted(Count(self._states.values()).items()):
            family.add_metric([state], number)
        yield family


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(level: str) -> None:
    """Send all logs to stderr as JSON lines, from `level` up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf tells of every event of every object; its warnings and errors are enough.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns that it does not handle signals: it is not meant to.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
