"""The API server's audit log, in the node: who wrote what."""

import json
from typing import Final

from tests.e2e import release
from tests.kind.config import AUDIT_LOG, NODE
from tests.kind.docker import docker

OPERATOR_USER: Final = f"system:serviceaccount:{release.NAMESPACE}:{release.OPERATOR}"
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# What is renewed all the time, and questions.
NOT_COUNTED: Final = frozenset({"leases", "subjectaccessreviews"})


def position() -> int:
    """Where the log ends now, in bytes."""
    return int(docker("exec", NODE, "stat", "--format", "%s", AUDIT_LOG))


def operator_writes(since: int) -> list[str]:
    """Every write of the operator after a position, but for NOT_COUNTED: when, what and how it ended."""
    lines = docker("exec", NODE, "tail", "--bytes", f"+{since + 1}", AUDIT_LOG).splitlines()
    return [
        f"{event['requestReceivedTimestamp']} {event['verb']} {event['requestURI']}"
        f" -> {event.get('responseStatus', {}).get('code')}"
        for event in (json.loads(line) for line in lines if OPERATOR_USER in line)
        if event["user"]["username"] == OPERATOR_USER
        and event["stage"] == "ResponseComplete"
        and event["verb"] in WRITES
        and event.get("objectRef", {}).get("resource") not in NOT_COUNTED
    ]


def operator_requests(since: int) -> int:
    """How many requests of the operator ended after a position: shows that it is there and the log is on."""
    lines = docker("exec", NODE, "tail", "--bytes", f"+{since + 1}", AUDIT_LOG).splitlines()
    return sum(OPERATOR_USER in line and '"ResponseComplete"' in line for line in lines)
