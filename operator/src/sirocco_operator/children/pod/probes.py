"""How Kubernetes tells loading, ready, draining and dead apart, and how a pod is stopped."""

from typing import Any, Final

from sirocco_operator.children.times import PRE_STOP, STARTUP_BUDGET

PORT_NAME: Final = "http"
# Seconds. A busy engine answers late: a probe waits as long as the shortest period.
_READY_PERIOD: Final = 5
_LIVE_PERIOD: Final = 10
_TIMEOUT: Final = 5
# A minute without an answer is dead.
_LIVE_FAILURES: Final = 6


def probes() -> dict[str, Any]:
    """Nothing listens while the engine loads: the startup probe fails until it may serve."""
    return {
        "startupProbe": _get("/ready", _READY_PERIOD, STARTUP_BUDGET // _READY_PERIOD),
        "readinessProbe": _get("/ready", _READY_PERIOD, 3),
        "livenessProbe": _get("/live", _LIVE_PERIOD, _LIVE_FAILURES),
    }


def lifecycle() -> dict[str, Any]:
    """Before SIGTERM the pod serves on, until every node has learnt that it is leaving."""
    return {"preStop": {"sleep": {"seconds": PRE_STOP}}}


def _get(path: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": _TIMEOUT,
        "failureThreshold": failures,
    }
