"""Which of the operator's pods leads, and what it counts."""

import re

from tests.e2e import release
from tests.e2e.kubectl import Kubectl


def pods(operator: Kubectl) -> list[str]:
    """The operator's pods that are not about to end."""
    found = operator.list("pods", release.SELECTOR)
    return [pod["metadata"]["name"] for pod in found if not pod["metadata"].get("deletionTimestamp")]


def name(operator: Kubectl) -> str:
    """The pod that holds the Lease; the empty string while none does."""
    lease = operator.get("lease", release.OPERATOR) or {"spec": {}}
    holder = lease["spec"].get("holderIdentity") or ""
    return next((pod for pod in pods(operator) if pod in holder), "")


def metrics(operator: Kubectl, pod: str) -> dict[str, float]:
    """The sum of each of a pod's metrics over its labels."""
    path = f"/api/v1/namespaces/{release.NAMESPACE}/pods/{pod}:8080/proxy/metrics"
    sums: dict[str, float] = {}
    for key, value in re.findall(r"^([a-z_]+)(?:\{.*\})? (\S+)$", operator.run("get", "--raw", path), re.M):
        sums[key] = sums.get(key, 0) + float(value)
    return sums


def watched_kinds(operator: Kubectl) -> int:
    """How many kinds of children the leader watches, by what it said of it last."""
    log = operator.logs(name(operator))
    told = re.findall(r"watching models and (\d+) kinds of children", log)
    assert told, log[-2000:]
    return int(told[-1])
