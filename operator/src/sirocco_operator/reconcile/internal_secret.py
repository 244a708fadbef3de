"""Makes the Secret with a model's internal key: once, and without ever reading it.

In a model's namespace the right to create Secrets is all that this needs. Kubernetes knows no right to see
that a Secret exists without what is in it, so a ConfigMap bears witness: the garbage collector takes its
reference to the Secret away when that one is gone, and the watch of ConfigMaps tells. What is in the Secret
can be derived again (`sirocco_operator.reconcile.master_secret`).
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.internal_secret import (
    build_internal_secret,
    build_witness,
    internal_secret_name,
    witnessed_secret,
)
from sirocco_operator.children.serving_config import has_keys
from sirocco_operator.controller.store import Key, Manifest, Store, identity
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT, SECRET
from sirocco_operator.reconcile.apply import Applier
from sirocco_operator.reconcile.master_secret import derive_internal_key
from sirocco_operator.reconcile.refusal import Refused
from sirocco_operator.status.observed import Refusal, RefusalCause

log = logging.getLogger(__name__)

# A name that is taken may be that of a model deleted just now, whose Secret goes with it.
_TAKEN_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Ensured:
    """The witness that is wanted now, and in how many seconds to look for the Secret; None for not at all."""

    witness: dict[str, Any] | None = None
    again_after: float | None = None


class InternalSecrets:
    """Keeps the Secret of every model that has keys."""

    def __init__(
        self,
        applier: Applier,
        store: Store,
        master: Callable[[], Awaitable[bytes]],
        check_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A Secret that has no witness, of an earlier release, is looked for every `check_seconds`."""
        self._applier = applier
        self._store = store
        self._master = master
        self._check_seconds = check_seconds
        self._clock = clock
        # The uid of a model whose Secret was there without a witness, and when it is looked for again.
        self._due: dict[Key, tuple[str, float]] = {}
        # When the name was first found to be taken by somebody else.
        self._taken: dict[Key, float] = {}

    async def ensure(self, key: Key, model: InferenceModel) -> Ensured:
        """Make the Secret where it is missing.

        Raises Refused, Retry, or ApiError on an outage.
        """
        uid, now = model.metadata.uid, self._clock()
        plain = build_witness(model, "")
        witness = self._child(key, uid, plain)
        secret_uid = "" if witness is None else witnessed_secret(witness)
        # A Secret that is not needed any more stays, and so does its witness: the keys may come back.
        if secret_uid or not has_keys(model):
            self.forget(key)
            return Ensured(None if witness is None else build_witness(model, secret_uid))
        known, due = self._due.get(key, ("", now))
        if known == uid and due > now:
            return Ensured(plain, due - now)
        secret = build_internal_secret(model, derive_internal_key(await self._master(), key, uid))
        mounted = self._is_mounted(key, model)
        if not await self._is_there(secret, mounted):
            if witness is None:
                # Before the Secret: whoever finds this one knows whose that one is.
                self._store.put((await self._applier.converge(CONFIG_MAP, plain, uid, None)).child)
            created = await self._applier.create(SECRET, secret)
            if created is not None:
                log.info("Secret %s/%s is created", key.namespace, secret["metadata"]["name"])
                self.forget(key)
                return Ensured(build_witness(model, created["metadata"]["uid"]))
        elif witness is None and not mounted:
            self._refuse(key, secret)
        self._taken.pop(key, None)
        self._due[key] = (uid, now + self._check_seconds)
        return Ensured(plain, self._check_seconds)

    def recheck(self, key: Key, model: InferenceModel, events: Sequence[Manifest]) -> None:
        """Look for the Secret at the next call already, if a pod could not mount it.

        The kubelet says so in words alone; at worst they make the operator look once more.
        """
        missing = f'secret "{internal_secret_name(model.metadata.name)}" not found'
        if any(missing in str(event.get("message", "")) for event in events):
            self._due.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drop what is kept of a model that is gone."""
        self._due.pop(key, None)
        self._taken.pop(key, None)

    async def _is_there(self, secret: Manifest, mounted: bool) -> bool:
        """Whether there is a Secret of that name, found out by a dry run, which writes nothing."""
        try:
            return await self._applier.create(SECRET, secret, dry_run=True) is None
        except Refused:
            # A full quota refuses before it is known: what pods have mounted is there.
            return mounted

    def _refuse(self, key: Key, secret: Manifest) -> None:
        name = secret["metadata"]["name"]
        first = self._taken.setdefault(key, self._clock())
        if self._clock() - first < _TAKEN_SECONDS:
            raise Retry(f"Secret {name} is there already, of a model deleted just now or of somebody else", 1)
        raise Refused(Refusal(RefusalCause.NAME_CONFLICT, SECRET.kind, name))

    def _child(self, key: Key, uid: str, wanted: Manifest) -> Manifest | None:
        which = identity(wanted)
        return self._store.read(which) if which in self._store.children(key, uid) else None

    def _is_mounted(self, key: Key, model: InferenceModel) -> bool:
        """Whether the model's pods have mounted it already."""
        deployment = self._store.child(key, model.metadata.uid, DEPLOYMENT.full_name)
        if deployment is None:
            return False
        volumes = deployment["spec"]["template"]["spec"].get("volumes") or ()
        name = internal_secret_name(model.metadata.name)
        return any((volume.get("secret") or {}).get("secretName") == name for volume in volumes)
