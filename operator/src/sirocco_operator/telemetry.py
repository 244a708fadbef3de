"""The operator's metrics and logs. Neither ever contains an object's content."""

import json
import logging
import sys
from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sirocco_operator.controller.store import Key
from sirocco_operator.status.figures import ModelFigures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Telemetry:
    """The operator's metrics, all named `sirocco_operator_*`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._models: dict[Key, ModelFigures] = {}
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
        self._requests = Counter(
            "sirocco_operator_metrics_api_requests_total",
            "Requests of the metrics API by what they asked for and HTTP status.",
            ["what", "code"],
            registry=self._registry,
        )
        self._scrapes = Counter(
            "sirocco_operator_metrics_api_scrapes_total",
            "Scrapes of model pods by result: ok, unreachable, late, unauthorized, unreadable.",
            ["result"],
            registry=self._registry,
        )
        self._rounds = Histogram(
            "sirocco_operator_metrics_api_scrape_seconds",
            "Time that asking all pods of a model took.",
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3),
            registry=self._registry,
        )
        self._unserved = _UnservedCollector()
        self._certificate = _CertificateCollector()
        self._registry.register(_ModelCollector(self._models))
        self._registry.register(self._unserved)
        self._registry.register(self._certificate)
        ProcessCollector(registry=self._registry)

    def record_call(self, verb: str, kind: str, code: int) -> None:
        """Count a call of the Kubernetes API; code 0 means no answer."""
        self._calls.labels(verb, kind, str(code)).inc()

    def record_pass(self, seconds: float, result: str) -> None:
        """Count a pass over a model and its duration."""
        self._seconds.observe(seconds)
        self._passes.labels(result).inc()

    def record_model(self, key: Key, figures: ModelFigures | None) -> None:
        """Keep the figures of a model; None removes them."""
        if figures is None:
            self._models.pop(key, None)
        else:
            self._models[key] = figures

    def record_metrics_request(self, what: str, code: int) -> None:
        """Count a request to the metrics API."""
        self._requests.labels(what, str(code)).inc()

    def record_scrape(self, result: str) -> None:
        """Count a scrape of a pod."""
        self._scrapes.labels(result).inc()

    def record_scrape_round(self, seconds: float) -> None:
        """Record how long the scrape of all pods of a model took."""
        self._rounds.observe(seconds)

    def track_queue_depth(self, depth: Callable[[], int]) -> None:
        """Read the queue's depth at each scrape."""
        self._queue_depth.set_function(depth)

    def track_leadership(self, leads: Callable[[], bool]) -> None:
        """Read at each scrape whether this process leads."""
        self._leader.set_function(lambda: float(leads()))

    def track_unserved(
        self, unread: Callable[[], Mapping[str, str]], left: Callable[[], Mapping[str, str]]
    ) -> None:
        """Read at each scrape which namespaces may not be read, and which are left to another operator."""
        self._unserved.sources = {"unreadable": unread, "other_operator": left}

    def track_certificate_expiry(self, expiry: Callable[[], float | None]) -> None:
        """Read at each scrape when the metrics API's certificate expires: Unix time, None without one."""
        self._certificate.expiry = expiry

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _ModelCollector(Collector):
    """Exposes the models; only the leader knows them, so other replicas have no series."""

    def __init__(self, models: dict[Key, ModelFigures]) -> None:
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        objects = GaugeMetricFamily(
            "sirocco_operator_objects", "InferenceModels by the reason in their status.", labels=["state"]
        )
        for reason, number in sorted(Count(each.state for each in self._models.values()).items()):
            objects.add_metric([reason], number)
        yield objects
        state = _model_family("state", "1 for the reason in a model's status.", "state")
        ready = _model_family("ready", "1 while a model is as its spec asks, else 0.")
        available = _model_family("available", "1 while at least one pod of a model answers, else 0.")
        stalled = _model_family("stalled", "1 while a model needs somebody to change something, else 0.")
        replicas = _model_family("replicas", "Pods of a model that are wanted.")
        ready_replicas = _model_family("ready_replicas", "Pods of a model that answer.")
        gpus = _model_family("gpus", "GPUs that the pods of a model hold.")
        restarts = _model_family("container_restarts", "Restarts of all containers of the pods of a model.")
        scaling = _model_family("scaling", "1 for the reason of a model's condition ScalingActive.", "state")
        for key, each in self._models.items():
            labels = [key.namespace, key.name]
            state.add_metric([*labels, each.state], 1)
            ready.add_metric(labels, float(each.ready))
            available.add_metric(labels, float(each.available))
            stalled.add_metric(labels, float(each.stalled))
            replicas.add_metric(labels, each.replicas)
            ready_replicas.add_metric(labels, each.ready_replicas)
            gpus.add_metric(labels, each.gpus)
            restarts.add_metric(labels, each.restarts)
            if each.scaling is not None:
                scaling.add_metric([*labels, each.scaling], 1)
        yield from (state, ready, available, stalled, replicas, ready_replicas, gpus, restarts, scaling)


def _model_family(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"sirocco_operator_model_{name}", documentation, labels=["namespace", "model", *labels]
    )


class _UnservedCollector(Collector):
    def __init__(self) -> None:
        self.sources: dict[str, Callable[[], Mapping[str, str]]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "sirocco_operator_namespace_unserved",
            "1 for each namespace that this operator should serve and does not, by why: unreadable, "
            "other_operator.",
            labels=["namespace", "why"],
        )
        for why, namespaces in self.sources.items():
            for namespace in namespaces():
                family.add_metric([namespace, why], 1)
        yield family


class _CertificateCollector(Collector):
    def __init__(self) -> None:
        self.expiry: Callable[[], float | None] = lambda: None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "sirocco_operator_certificate_expiry_timestamp_seconds",
            "When the serving certificate of the metrics API ends, as Unix time.",
        )
        if (expiry := self.expiry()) is not None:
            family.add_metric([], expiry)
        yield family


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON: time, level, logger, message, and an exception's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
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
    """Send logs of `level` and above to stderr as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf logs every event of every object; its warnings and errors are enough.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # kopf warns that it does not handle signals, which it should not.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
