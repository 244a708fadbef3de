"""Brings one child to what is wanted, or says why it is refused."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.controller.store import Manifest, controller_uid
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import DEPLOYMENT, Kind
from sirocco_operator.reconcile.diff import difference, digest, with_digest
from sirocco_operator.reconcile.ownership import as_applied, without_updates
from sirocco_operator.status.observed import Refusal, RefusalCause

log = logging.getLogger(__name__)

# What the API server answers to a write that its rules, a quota or a webhook do not allow.
_REFUSALS: Final = (400, 403, 409, 422)


@dataclass(frozen=True)
class Written:
    """A child as it is after a pass: whether it was created, and whether it is as wanted already."""

    child: Manifest
    created: bool = False
    as_wanted: bool = True


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """The child cannot be written as things are."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Unserved(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """The cluster gives up the API of an optional kind."""


class Applier:
    """Server-side apply of children, only where they differ, and never on what belongs to others."""

    def __init__(self, kube: Kube, deleted: Callable[[Manifest], object]) -> None:
        self._kube = kube
        self._deleted = deleted
        # By uid: the wanted manifest after whose apply the API server still differs, in fields that it
        # defaults inside a list that is replaced as a whole. Applying it again would change nothing.
        self._settled: dict[str, str] = {}

    def forget(self, uid: str) -> None:
        """Drop what is kept of an object that is gone."""
        self._settled.pop(uid, None)

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
            created = await self._create(kind, wanted)
            if created is not None:
                # A webhook may have changed it, an older CRD may have dropped a field of it.
                as_wanted = difference(wanted, created, FIELD_MANAGER) is None
                return Written(created, created=True, as_wanted=as_wanted)
            live = await self._read(kind, wanted, owner_uid)
        if live["metadata"].get("deletionTimestamp"):
            raise Retry(
                f"{kind.kind} {wanted['metadata']['name']} is being deleted, it is made again then", 1
            )
        if fit is not None:
            wanted = fit(wanted, live)
        path = difference(wanted, live, FIELD_MANAGER)
        if path is None or self._settled.get(live["metadata"]["uid"]) == _digest(wanted):
            return Written(live)
        log.info("%s %s/%s is applied: %s differs", kind.kind, *_names(wanted), path)
        return Written(await self._update(kind, wanted, live))

    async def create_once(self, kind: Kind, manifest: Manifest) -> bool:
        """Make an object that is never written again; False when there is one of its name.

        Raises as `converge` does.
        """
        _, name = _names(manifest)
        try:
            return await self._kube.create(kind, manifest) is not None
        except ApiError as error:
            raise _refused(error, kind, name) from error

    async def _create(self, kind: Kind, wanted: Manifest) -> dict[str, Any] | None:
        _, name = _names(wanted)
        try:
            if kind == DEPLOYMENT and _image_volumes(wanted):
                tried = await self._kube.create(kind, wanted, dry_run=True)
                if tried is None:
                    return None
                _require_image_volumes(kind, wanted, tried)
            return await self._kube.create(kind, wanted)
        except ApiError as error:
            if _drops_image_volumes(error):
                raise _unsupported(kind, name) from error
            raise _refused(error, kind, name) from error

    async def _read(self, kind: Kind, wanted: Manifest, owner_uid: str) -> dict[str, Any]:
        """The object that has the child's name already; raises Refused when it is somebody else's."""
        namespace, name = _names(wanted)
        live = await self._kube.get(kind, namespace, name)
        if live is None:
            raise Retry(f"{kind.kind} {name} was deleted while it was created", 0.1)
        if controller_uid(live) != owner_uid:
            message = f"a {kind.kind} named {name} exists and belongs to somebody else"
            raise Refused(Refusal(RefusalCause.NAME_CONFLICT, kind.kind, name, message))
        return live

    async def _update(self, kind: Kind, wanted: Manifest, live: Manifest) -> dict[str, Any]:
        uid = live["metadata"]["uid"]
        live = await self._own_by_apply(kind, live)
        pinned = {**wanted, "metadata": {**wanted["metadata"], "uid": uid}}
        if "resourceVersion" in pinned["metadata"]:
            pinned["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        try:
            if kind == DEPLOYMENT and _image_volumes(wanted) - _image_volumes(live):
                tried = await self._kube.apply(kind, pinned, force=True, dry_run=True)
                _require_image_volumes(kind, wanted, tried)
            applied = await self._kube.apply(kind, pinned, force=True)
        except ApiError as error:
            if _drops_image_volumes(error):
                raise _unsupported(kind, wanted["metadata"]["name"]) from error
            if error.status == 409:
                # The uid or the version is another: the child is not what the store last saw.
                raise Retry(f"{kind.kind} {wanted['metadata']['name']} was changed meanwhile") from error
            if error.status != 422:
                raise _refused(error, kind, wanted["metadata"]["name"]) from error
            applied = await self._overwrite(kind, pinned, live, error)
        if difference(wanted, applied, FIELD_MANAGER) is not None:
            self._settled[uid] = _digest(wanted)
        else:
            self._settled.pop(uid, None)
        return applied

    async def _own_by_apply(self, kind: Kind, live: Manifest) -> Manifest:
        """Before the first apply: what the create wrote is owned as if it had been applied."""
        entries = as_applied(live, FIELD_MANAGER)
        if entries is None:
            return live
        namespace, name = _names(live)
        try:
            return await self._kube.set_managed_fields(kind, live, entries)
        except ApiError as error:
            if error.status in (404, 409):
                raise Retry(f"{kind.kind} {namespace}/{name} was changed meanwhile", 0.1) from error
            raise _refused(error, kind, name) from error

    async def _overwrite(
        self, kind: Kind, pinned: Manifest, live: Manifest, error: ApiError
    ) -> dict[str, Any]:
        """A merge by keys cannot put everything right: overwrite whole lists, or make the object anew."""
        namespace, name = _names(pinned)
        # Two writes: the first makes a new version.
        pinned = {**pinned, "metadata": _any_version(pinned)}
        if _is_immutable(error):
            log.warning("%s %s/%s is deleted and made again: %s", kind.kind, namespace, name, error.message)
            await self._kube.delete(kind, namespace, name, live["metadata"]["uid"])
            self._deleted(live)
            raise Retry(f"{kind.kind} {name} is made again, a field that cannot change was changed", 0.5)
        log.warning("%s %s/%s is overwritten: %s", kind.kind, namespace, name, error.message)
        try:
            merged = await self._kube.merge(kind, pinned)
            # What a merge writes is not owned: only what is applied can go again.
            await self._kube.set_managed_fields(kind, merged, without_updates(merged, FIELD_MANAGER))
            applied = await self._kube.apply(kind, pinned, force=True)
        except ApiError as second:
            raise _refused(second, kind, name) from second
        return applied


def _names(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _any_version(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest["metadata"].items() if key != "resourceVersion"}


def _digest(manifest: Manifest) -> str:
    whole = {**manifest, "metadata": _any_version(manifest)}
    return digest(whole)


def _image_volumes(deployment: Manifest) -> set[str]:
    template: Mapping[str, Any] = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return {volume["name"] for volume in template.get("volumes") or () if volume.get("image")}


def _require_image_volumes(kind: Kind, wanted: Manifest, tried: Manifest) -> None:
    """Raises Refused when the API server has left out image volumes that are wanted."""
    if _image_volumes(wanted) - _image_volumes(tried):
        raise _unsupported(kind, wanted["metadata"]["name"])


def _drops_image_volumes(error: ApiError) -> bool:
    # An API server without the feature drops the source, and then misses one.
    return error.status == 422 and "must specify a volume type" in error.message


def _unsupported(kind: Kind, name: str) -> Refused:
    return Refused(Refusal(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED, kind.kind, name))


def _is_immutable(error: ApiError) -> bool:
    return "immutable" in error.message or "may not change once set" in error.message


def _refused(error: ApiError, kind: Kind, name: str) -> Exception:
    if kind.optional and (error.status == 404 or "definition is terminating" in error.message):
        return Unserved(f"{kind.kind} {name}: {error.message}")
    if error.status not in _REFUSALS and "webhook" not in error.message:
        return error
    if error.status == 409:
        # Another was faster: also a quota, which several count at a time.
        return Retry(f"{kind.kind} {name}: {error.message}")
    if error.status == 403 and "being terminated" in error.message:
        return Retry(f"{kind.kind} {name}: {error.message}", 5)
    return Refused(Refusal(RefusalCause.REJECTED, kind.kind, name, error.message))
