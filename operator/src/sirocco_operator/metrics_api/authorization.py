"""Authorizes requests: the API server decides by SubjectAccessReview."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sirocco_operator.kube.kinds import SUBJECT_ACCESS_REVIEW
from sirocco_operator.metrics_api.documents import GROUP, VERSION, HttpError
from sirocco_operator.metrics_api.identity import User
from sirocco_operator.metrics_api.routes import MetricRequest, Requested

# A decision may be this many seconds old: the API server has already authorized the request itself.
ALLOWED_SECONDS: Final = 60.0
DENIED_SECONDS: Final = 10.0
# Decisions that are kept at once.
_MAX_DECISIONS: Final = 10_000
# This group may do everything; the API server discovers the served resources as a member of it.
_MASTERS: Final = "system:masters"

# Sends a review and returns it with its status; raises HttpError when there is no answer.
SendReview = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Authorizer:
    """Asks the API server for decisions and remembers them for a short time."""

    def __init__(self, send_review: SendReview, clock: Callable[[], float] = time.monotonic) -> None:
        self._send_review = send_review
        self._clock = clock
        # Whether the request is allowed, and until when the decision holds.
        self._decisions: dict[tuple[User, Requested], tuple[bool, float]] = {}

    async def check(self, user: User, path: str, requested: Requested) -> None:
        """Raise HttpError 403 unless the user is allowed."""
        if _MASTERS in user.groups:
            return
        decision, now = (user, requested), self._clock()
        allowed, until = self._decisions.get(decision, (False, now))
        if until <= now:
            answer = await self._send_review(review(user, path, requested))
            allowed = bool((answer.get("status") or {}).get("allowed"))
            self._remember(decision, allowed, now)
        if not allowed:
            raise HttpError(403, forbidden_message(user, path, requested))

    def _remember(self, decision: tuple[User, Requested], allowed: bool, now: float) -> None:
        # Insertion order makes the oldest decision the first to go.
        self._decisions.pop(decision, None)
        self._decisions[decision] = (allowed, now + (ALLOWED_SECONDS if allowed else DENIED_SECONDS))
        while len(self._decisions) > _MAX_DECISIONS:
            del self._decisions[next(iter(self._decisions))]


def review(user: User, path: str, requested: Requested) -> dict[str, Any]:
    """The SubjectAccessReview of a request."""
    spec: dict[str, Any] = {"user": user.name, "groups": list(user.groups)}
    if user.uid:
        spec["uid"] = user.uid
    if user.extra:
        spec["extra"] = {name: list(values) for name, values in user.extra}
    if isinstance(requested, MetricRequest):
        spec["resourceAttributes"] = {
            "verb": "get",
            "group": GROUP,
            "version": VERSION,
            "resource": "pods",
            "subresource": str(requested.metric),
            "namespace": requested.namespace,
            "name": requested.pod,
        }
    else:
        spec["nonResourceAttributes"] = {"verb": "get", "path": path}
    kind = SUBJECT_ACCESS_REVIEW
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": spec}


def forbidden_message(user: User, path: str, requested: Requested) -> str:
    """The error message for a user who is not allowed."""
    if isinstance(requested, MetricRequest):
        return (
            f'pods.{GROUP} "{requested.pod}" is forbidden: User "{user.name}" cannot get resource '
            f'"pods/{requested.metric}" in API group "{GROUP}" in the namespace "{requested.namespace}"'
        )
    return f'forbidden: User "{user.name}" cannot get path "{path}"'
