"""Whether somebody may ask: the API server decides, by SubjectAccessReview."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sirocco_operator.kube.kinds import SUBJECT_ACCESS_REVIEW
from sirocco_operator.metrics_api.documents import GROUP, VERSION, Problem
from sirocco_operator.metrics_api.identity import User
from sirocco_operator.metrics_api.routes import Document, Question

# The API server has reviewed each request itself before; an answer of ours may be this many seconds old.
ALLOWED_SECONDS: Final = 60.0
DENIED_SECONDS: Final = 10.0
# HPAs of so many models and metrics are remembered at once.
_REMEMBERED: Final = 10_000
# They may do everything, and the API server asks in their name when it looks what is served.
_MASTERS: Final = "system:masters"

# Sends a review and returns it with its status; raises Problem when there is no answer.
Ask = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Authorizer:
    """Remembers for a short time what the API server decided."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        # Whether it is allowed, and until when this is believed.
        self._decided: dict[tuple[User, Document | Question], tuple[bool, float]] = {}

    async def check(self, user: User, path: str, wanted: Document | Question) -> None:
        """Raises Problem with 403 when the user may not."""
        if _MASTERS in user.groups:
            return
        which, now = (user, wanted), self._clock()
        allowed, until = self._decided.get(which, (False, now))
        if until <= now:
            answer = await self._ask(review(user, path, wanted))
            allowed = bool((answer.get("status") or {}).get("allowed"))
            self._remember(which, allowed, now)
        if not allowed:
            raise Problem(403, forbidden(user, path, wanted))

    def _remember(self, which: tuple[User, Document | Question], allowed: bool, now: float) -> None:
        # The newest last: what was decided first goes first.
        self._decided.pop(which, None)
        self._decided[which] = (allowed, now + (ALLOWED_SECONDS if allowed else DENIED_SECONDS))
        while len(self._decided) > _REMEMBERED:
            del self._decided[next(iter(self._decided))]


def review(user: User, path: str, wanted: Document | Question) -> dict[str, Any]:
    """The SubjectAccessReview that asks whether the user may."""
    spec: dict[str, Any] = {"user": user.name, "groups": list(user.groups)}
    if user.uid:
        spec["uid"] = user.uid
    if user.extra:
        spec["extra"] = {name: list(values) for name, values in user.extra}
    if isinstance(wanted, Question):
        spec["resourceAttributes"] = {
            "verb": "get",
            "group": GROUP,
            "version": VERSION,
            "resource": "pods",
            "subresource": str(wanted.metric),
            "namespace": wanted.namespace,
            "name": wanted.pod,
        }
    else:
        spec["nonResourceAttributes"] = {"verb": "get", "path": path}
    kind = SUBJECT_ACCESS_REVIEW
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": spec}


def forbidden(user: User, path: str, wanted: Document | Question) -> str:
    """What somebody without the right is told."""
    if isinstance(wanted, Question):
        return (
            f'pods.{GROUP} "{wanted.pod}" is forbidden: User "{user.name}" cannot get resource '
            f'"pods/{wanted.metric}" in API group "{GROUP}" in the namespace "{wanted.namespace}"'
        )
    return f'forbidden: User "{user.name}" cannot get path "{path}"'
