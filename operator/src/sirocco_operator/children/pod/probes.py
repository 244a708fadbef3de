"""Probes that tell loading, ready, draining and dead apart, and the hook that stops a pod."""

from math import ceil
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.times import PRE_STOP, startup_budget

PORT_NAME: Final = "http"
# In seconds. A busy engine answers late, so a probe waits as long as the shortest period.
_READY_PERIOD: Final = 5
_LIVE_PERIOD: Final = 10
_TIMEOUT: Final = 5
# After a minute without an answer the engine counts as dead.
_LIVE_FAILURES: Final = 6


def probes(model: InferenceModel) -> dict[str, Any]:
    """The three probes; nothing listens while the engine loads, so the startup probe fails until then."""
    return {
        "startupProbe": _get("/ready", _READY_PERIOD, ceil(startup_budget(model) / _READY_PERIOD)),
        "readinessProbe": _get("/ready", _READY_PERIOD, 3),
        "livenessProbe": _get("/live", _LIVE_PERIOD, _LIVE_FAILURES),
    }


def lifecycle() -> dict[str, Any]:
    """The hook that keeps the pod serving before SIGTERM, until every node knows that it is leaving."""
    return {"preStop": {"sleep": {"seconds": PRE_STOP}}}


def _get(path: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": _TIMEOUT,
        "failureThreshold": failures,
    }
