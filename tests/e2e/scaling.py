"""A model that load scales, and what is seen of it: what tests of every provider of figures need."""

from typing import Any, Final

from tests.e2e.kubectl import Object

# How often the HPA controller looks, in seconds: the cluster's default.
PERIOD: Final = 15
# 64 tokens in a streamed answer: 3 seconds each, so that streams are under way whenever a pod goes.
TOKEN_SECONDS: Final = {"name": "STANDIN_TOKEN_SECONDS", "value": "0.05"}
TOKENS: Final = 64
# What nobody needs is gone at once: a stand-in starts in seconds.
AT_ONCE: Final = {
    "scaleDown": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": PERIOD}],
    }
}
# Longer than it takes Prometheus to know new pods, among which the load is spread before it does.
PATIENT: Final = {"scaleDown": {**AT_ONCE["scaleDown"], "stabilizationWindowSeconds": 60}}


def autoscaling(**changes: Any) -> dict[str, Any]:
    """Up to three replicas, each with four requests in flight."""
    given = {"minReplicas": 1, "maxReplicas": 3, "target": {"inFlightRequests": 4}, "behavior": AT_ONCE}
    return {**given, **changes}


def has_figures(hpa: Object) -> bool:
    """Whether the HPA controller has the figures that it decides by."""
    conditions = (hpa.get("status") or {}).get("conditions") or []
    return any(one["type"] == "ScalingActive" and one["status"] == "True" for one in conditions)


def scaling(model: Object) -> dict[str, Any]:
    """The condition ScalingActive, empty before there is one."""
    conditions = (model.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == "ScalingActive"), {})


def rise_told(model: Object) -> str:
    """What the condition ScalingActive says of more than one replica; else the empty string."""
    several = (model.get("status") or {}).get("desiredReplicas", 0) > 1
    return str(scaling(model).get("message", "")) if several else ""


def wanted(deployment: Object) -> int:
    """How many pods a Deployment is told to have."""
    return int(deployment["spec"]["replicas"])
