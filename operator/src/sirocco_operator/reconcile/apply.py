"""Brings one child to what is wanted, or says why it is refused."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.children.labels import MODEL_LABEL
from sirocco_operator.controller.store import Key, Manifest, controller_uid
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT, Kind
from sirocco_operator.reconcile.diff import differences, with_digest
from sirocco_operator.reconcile.ownership import as_applied, is_orphan, without_updates
from sirocco_operator.reconcile.refusal import Refused, is_of_merging, refused, unsupported
from sirocco_operator.reconcile.settled import Settled
from sirocco_operator.status.observed import Refusal, RefusalCause

log = logging.getLogger(__name__)

# When a child that the API server made otherwise than asked is written once more.
_UNLIKE_SECONDS: Final = 0.1
# How often the object is read again because others wrote it at the same moment.
_READS: Final = 3


@dataclass(frozen=True)
class Written:
    """A child as it is after a pass.

    `again_after`: in how many seconds it has to be written again; None when it is right.
    """

    child: Manifest
    created: bool = False
    again_after: float | None = None


class Applier:
    """Server-side apply of children, only where they differ, and never on what belongs to others."""

    def __init__(self, kube: Kube, deleted: Callable[[Manifest], object]) -> None:
        self._kube = kube
        self._deleted = deleted
        self._settled = Settled()

    def forget(self, key: Key) -> None:
        """Drop what is kept of the children of a model that is gone."""
        self._settled.forget(key)

    async def converge(
        self,
        kind: Kind,
        wanted: Manifest,
        owner_uid: str,
        known: Manifest | None,
        fit: Callable[[Manifest, Manifest], Manifest] | None = None,
    ) -> Written:
        """Make the child as wanted and return it as it is then.

        `known` is the child as the store has it; `fit` gets what is wanted and what is there, and returns
        what is wanted then. Raises Refused, Unserved, Retry, or ApiError on an outage.
        """
        wanted = with_digest(wanted)
        live = known
        if live is None:
            if wait := self._settled.wait_to_create(wanted):
                raise Retry(
                    f"{kind.kind} {wanted['metadata']['name']} is deleted again and again:"
                    f" find out by whom; it is made again in {wait:.0f} s",
                    wait,
                )
            created = await self._create(kind, wanted)
            if created is not None:
                return self._created(wanted, created)
            live = await self._read(kind, wanted, owner_uid)
        if live["metadata"].get("deletionTimestamp"):
            raise Retry(
                f"{kind.kind} {wanted['metadata']['name']} is being deleted, it is made again then", 1
            )
        if fit is not None:
            wanted = fit(wanted, live)
        found = self._settled.open(wanted, live, differences(wanted, live, FIELD_MANAGER))
        if found is None:
            return Written(live)
        names = f"{kind.kind} {'/'.join(_names(wanted))}"
        if wait := self._settled.wait(wanted, live, found):
            log.warning("%s differs again and again at %s: once more in %.0f s", names, found.path, wait)
            return Written(live, again_after=wait)
        log.info("%s is applied: %s differs", names, found.path)
        return await self._update(kind, wanted, live)

    async def conflict(self, kind: Kind, wanted: Manifest, owner_uid: str) -> Refusal | None:
        """The refusal of a child whose name somebody else's object has, found by reading alone."""
        try:
            live = await self._kube.get(kind, *_names(wanted))
        except ApiError as error:
            raise refused(error, kind, wanted) from error
        return None if live is None else _conflict(kind, wanted, live, owner_uid)

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest | None:
        """Make an object that is never written again; None when there is one of its name.

        Raises as `converge` does. A dry run writes nothing.
        """
        try:
            return await self._kube.create(kind, manifest, dry_run=dry_run)
        except ApiError as error:
            raise refused(error, kind, manifest) from error

    async def _create(self, kind: Kind, wanted: Manifest) -> dict[str, Any] | None:
        try:
            if kind == DEPLOYMENT and _image_volumes(wanted):
                tried = await self._kube.create(kind, wanted, dry_run=True)
                if tried is None:
                    return None
                _require_image_volumes(kind, wanted, tried)
            return await self._kube.create(kind, wanted)
        except ApiError as error:
            raise refused(error, kind, wanted) from error

    def _created(self, wanted: Manifest, created: Manifest) -> Written:
        # An older CRD may have dropped a field of it: applied once, that is settled.
        missing = self._settled.created(wanted, created, differences(wanted, created, FIELD_MANAGER))
        return Written(created, created=True, again_after=None if missing is None else _UNLIKE_SECONDS)

    async def _read(self, kind: Kind, wanted: Manifest, owner_uid: str) -> dict[str, Any]:
        """The object that has the child's name already; raises Refused when it is somebody else's."""
        namespace, name = _names(wanted)
        live = await self._kube.get(kind, namespace, name)
        if live is None:
            raise Retry(f"{kind.kind} {name} was deleted while it was created", 0.1)
        if _goes(live, wanted):
            raise Retry(f"{kind.kind} {name} is made once another of this name, on its way out, is gone", 1)
        if conflict := _conflict(kind, wanted, live, owner_uid):
            raise Refused(conflict)
        if controller_uid(live) != owner_uid:
            log.info("%s %s/%s is adopted: nobody controls it any more", kind.kind, namespace, name)
        return live

    async def _update(self, kind: Kind, wanted: Manifest, live: Manifest) -> Written:
        versioned = "resourceVersion" in wanted["metadata"]
        live = await self._own_by_apply(kind, live, read_again=not versioned)
        pinned = {**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}}
        if versioned:
            pinned["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        try:
            if kind == DEPLOYMENT and _image_volumes(wanted) - _image_volumes(live):
                tried = await self._kube.apply(kind, pinned, force=True, dry_run=True)
                _require_image_volumes(kind, wanted, tried)
            applied = await self._kube.apply(kind, pinned, force=True)
        except ApiError as error:
            if error.status == 422 and kind == CONFIG_MAP and live.get("immutable"):
                return await self._replace(kind, wanted, live)
            if not is_of_merging(error, wanted):
                raise refused(error, kind, wanted) from error
            applied = await self._overwrite(kind, pinned, error)
        self._settled.applied(wanted, applied, differences(wanted, applied, FIELD_MANAGER))
        return Written(applied)

    async def _own_by_apply(self, kind: Kind, live: Manifest, read_again: bool) -> Manifest:
        """Before an apply: what it has to take away is owned as if it had been applied."""
        uid, (namespace, name) = live["metadata"]["uid"], _names(live)
        for _ in range(_READS if read_again else 1):
            entries = as_applied(live, FIELD_MANAGER)
            if entries is None:
                return live
            try:
                return await self._kube.set_managed_fields(kind, live, entries)
            except ApiError as error:
                if error.status not in (404, 409):
                    raise refused(error, kind, live) from error
            newer = await self._kube.get(kind, namespace, name) if read_again else None
            if newer is None or newer["metadata"]["uid"] != uid:
                break
            live = newer
        raise Retry(f"{kind.kind} {namespace}/{name} was changed meanwhile", 0.1)

    async def _replace(self, kind: Kind, wanted: Manifest, live: Manifest) -> Written:
        """Make a ConfigMap that somebody made immutable anew: pods that mount it keep its files meanwhile."""
        namespace, name = _names(wanted)
        log.warning("%s %s/%s is immutable and is made anew", kind.kind, namespace, name)
        await self._kube.delete(kind, namespace, name, live["metadata"]["uid"])
        self._deleted(live)
        created = await self._create(kind, wanted)
        if created is None:
            raise Retry(f"{kind.kind} {name} is being deleted, it is made again then", 1)
        return self._created(wanted, created)

    async def _overwrite(self, kind: Kind, pinned: Manifest, error: ApiError) -> dict[str, Any]:
        """A merge by keys cannot put everything right: overwrite whole lists."""
        namespace, name = _names(pinned)
        # Two writes: the first makes a new version.
        pinned = {**pinned, "metadata": _any_version(pinned)}
        log.warning("%s %s/%s is overwritten: %s", kind.kind, namespace, name, error.message)
        try:
            merged = await self._kube.merge(kind, pinned)
            # What a merge writes is not owned: only what is applied can go again.
            await self._kube.set_managed_fields(kind, merged, without_updates(merged, FIELD_MANAGER))
            return await self._kube.apply(kind, pinned, force=True)
        except ApiError as second:
            raise refused(second, kind, pinned) from second


def _conflict(kind: Kind, wanted: Manifest, live: Manifest, owner_uid: str) -> Refusal | None:
    if controller_uid(live) == owner_uid or _goes(live, wanted):
        return None
    metadata = wanted["metadata"]
    if is_orphan(live, FIELD_MANAGER, metadata["labels"][MODEL_LABEL]):
        return None
    return Refusal(RefusalCause.NAME_CONFLICT, kind.kind, metadata["name"])


def _goes(live: Manifest, wanted: Manifest) -> bool:
    """Whether an object of a child's name goes by itself: deleted, or of a former model of this name."""
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        return True
    (owner,) = wanted["metadata"]["ownerReferences"]
    former = {**owner, "uid": controller_uid(live)}
    return former != owner and any(
        former.items() <= each.items() for each in metadata.get("ownerReferences") or ()
    )


def _names(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _any_version(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest["metadata"].items() if key != "resourceVersion"}


def _image_volumes(deployment: Manifest) -> set[str]:
    template: Mapping[str, Any] = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return {volume["name"] for volume in template.get("volumes") or () if volume.get("image")}


def _require_image_volumes(kind: Kind, wanted: Manifest, tried: Manifest) -> None:
    """Raises Refused when the API server has left out image volumes that are wanted."""
    if _image_volumes(wanted) - _image_volumes(tried):
        raise unsupported(kind, wanted["metadata"]["name"])
