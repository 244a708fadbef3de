"""Makes the Secret with a model's internal key: once, and without ever reading it.

In a model's namespace the right to create Secrets is all that this needs. Whether one is still there is found
out by creating it: the API server refuses a second one of that name and leaves the first as it is. What is in
it can be derived again (`sirocco_operator.reconcile.master_secret`).
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.internal_secret import build_internal_secret, internal_secret_name
from sirocco_operator.children.serving_config import has_keys
from sirocco_operator.controller.store import Key, Manifest
from sirocco_operator.kube.kinds import SECRET
from sirocco_operator.reconcile.apply import Applier
from sirocco_operator.reconcile.master_secret import derive_internal_key

log = logging.getLogger(__name__)

# A name that was taken before this model was seen may be that of a model deleted just now.
_TAKEN_SECONDS: Final = 30.0


class InternalSecrets:
    """Keeps the Secret of every model that has keys."""

    def __init__(
        self,
        applier: Applier,
        master: Callable[[], Awaitable[bytes]],
        check_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """No watch tells that a Secret was deleted: each is looked for every `check_seconds`."""
        self._applier = applier
        self._master = master
        self._check_seconds = check_seconds
        self._clock = clock
        # The uid of a model whose Secret was there, and when it is looked for again.
        self._due: dict[Key, tuple[str, float]] = {}

    async def ensure(self, key: Key, model: InferenceModel) -> float | None:
        """Make the Secret where it is missing; in how many seconds to call again, None without keys.

        Raises Refused, Retry, or ApiError on an outage.
        """
        if not has_keys(model):
            self.forget(key)
            return None
        uid, now = model.metadata.uid, self._clock()
        known, due = self._due.get(key, ("", now))
        if known == uid and due > now:
            return due - now
        manifest = build_internal_secret(model, derive_internal_key(await self._master(), key, uid))
        created = await self._applier.create(SECRET, manifest) is not None
        if created:
            log.info("Secret %s/%s is created", key.namespace, manifest["metadata"]["name"])
        wait = self._check_seconds
        if not created and known != uid:
            wait = min(wait, _TAKEN_SECONDS)
        self._due[key] = (uid, now + wait)
        return wait

    def recheck(self, key: Key, model: InferenceModel, events: Sequence[Manifest]) -> None:
        """Look for the Secret at the next call already, if a pod could not mount it."""
        missing = f'secret "{internal_secret_name(model.metadata.name)}" not found'
        if any(missing in str(event.get("message", "")) for event in events):
            self.forget(key)

    def forget(self, key: Key) -> None:
        """Drop what is kept of a model that is gone."""
        self._due.pop(key, None)
