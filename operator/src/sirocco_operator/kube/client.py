"""The API client: raw objects in and out."""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Self

from sirocco_operator.controller.reflector import Chunk
from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.connection import CallReport, Connection, Credentials
from sirocco_operator.kube.errors import AnswerTooLongError, ApiError
from sirocco_operator.kube.kinds import POD, Kind, path_of, root_of

FIELD_MANAGER: Final = "sirocco-operator"

_READ_SECONDS: Final = 30.0
# More than some hundred lines of a log take.
_LOG_BYTES: Final = 2**20
# Longer than an admission webhook may take by default: then the API server says which one it was.
_WRITE_SECONDS: Final = 12.0
# Objects in one answer of a list: parsed they take some 20 KiB each.
_CHUNK: Final = 250
# How long the API server may hold a watch, and when the client takes a watch that goes on for dead.
_WATCH_SECONDS: Final = 120
_WATCH_CLIENT_SECONDS: Final = 135.0

# Asked before each write: the longest that it may take, in seconds; raises when it may not begin.
Guard = Callable[[], float]


class Kube:
    """The API server, as the operator uses it."""

    def __init__(self, connection: Connection, guard: Guard) -> None:
        self._connection = connection
        self._guard = guard

    @classmethod
    async def connect(cls, report: CallReport, guard: Guard) -> Self:
        """Use $KUBECONFIG, else the pod's service account, else ~/.kube/config."""
        return cls(await Connection.open(FIELD_MANAGER, report), guard)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def credentials(self) -> Credentials:
        """What another client needs to reach the same API server, fresh."""
        return await self._connection.credentials()

    async def serves(self, kind: Kind) -> bool:
        """Whether the cluster has this API now."""
        try:
            group = await self._call("GET", root_of(kind), kind=kind, verb="discover")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(resource["name"] == kind.plural for resource in group.get("resources") or ())

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        """One object, cluster-wide without a namespace; None when it does not exist."""
        try:
            return await self._call("GET", path_of(kind, namespace, name), kind=kind, verb="get")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list_chunks(
        self, kind: Kind, namespace: str | None, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Chunk]:
        """The objects of a kind, in chunks; an API that the cluster lacks is an empty list.

        Chunks become smaller where objects are large.
        """
        limit = _CHUNK
        query: dict[str, str] = {}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        while True:
            try:
                answer = await self._call(
                    "GET",
                    path_of(kind, namespace),
                    query={**query, "limit": str(limit)},
                    kind=kind,
                    verb="list",
                )
            except AnswerTooLongError:
                if limit == 1:
                    raise
                limit = max(1, limit // 8)
                continue
            except ApiError as error:
                if error.status != 404:
                    raise
                yield Chunk((), sys.maxsize)
                return
            metadata = answer["metadata"]
            objects = answer.get("items") or []
            for each in objects:
                each["apiVersion"], each["kind"] = kind.api_version, kind.kind
            yield Chunk(objects, int(metadata["resourceVersion"]))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    async def list_allowed(
        self,
        kind: Kind,
        namespace: str | None,
        fields: str = "",
        *,
        most: int = sys.maxsize,
        brief: Callable[[Manifest], Manifest] = lambda whole: whole,
    ) -> list[Manifest]:
        """The objects of a kind, or those read so far where the operator has no right to list them.

        `most` are read, and what `brief` makes of each is kept.
        """
        found: list[Manifest] = []
        try:
            async for chunk in self.list_chunks(kind, namespace, fields=fields):
                found.extend(map(brief, chunk.objects))
                if len(found) >= most:
                    break
        except ApiError as error:
            if error.status != 403:
                raise
        return found[:most]

    async def watch(
        self, kind: Kind, namespace: str | None, version: int, labels: str = "", fields: str = ""
    ) -> AsyncGenerator[Sequence[bytes], None]:
        """The events after a version, as lines of JSON, those that arrive together in one batch.

        Ends when the API server ends it, after two minutes at most; raises ApiError.
        """
        query = {
            "watch": "true",
            "resourceVersion": str(version),
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        path = path_of(kind, namespace)
        lines = self._connection.lines(
            path, query, kind=kind.kind, verb="watch", seconds=_WATCH_CLIENT_SECONDS
        )
        async with aclosing(lines):
            async for batch in lines:
                yield batch

    async def log_tail(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        """The last lines of a container's log, or of its run before; raises ApiError, 400 without a log."""
        query = {
            "container": container,
            "tailLines": str(lines),
            "limitBytes": str(_LOG_BYTES),
            "previous": "true" if previous else "false",
        }
        path = f"{path_of(POD, namespace, pod)}/log"
        text = self._connection.lines(path, query, kind=POD.kind, verb="log", seconds=_READ_SECONDS)
        async with aclosing(text):
            return b"\n".join([line async for batch in text for line in batch]).decode(errors="replace")

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> dict[str, Any] | None:
        """Make an object and return it; None when there is one of its name, which is left as it is."""
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        try:
            return await self._call(
                "POST",
                path_of(kind, manifest["metadata"]["namespace"]),
                query=query,
                body=manifest,
                kind=kind,
                verb="create",
            )
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return None
            raise

    async def apply(
        self, kind: Kind, manifest: Manifest, *, force: bool, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply; the object as it is then."""
        metadata = manifest["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._call(
            "PATCH",
            path_of(kind, metadata["namespace"], metadata["name"]),
            query=query,
            body=manifest,
            content_type="application/apply-patch+yaml",
            kind=kind,
            verb="apply",
        )

    async def merge(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        """Merge a manifest into an object: maps are merged, lists replaced as a whole."""
        return await self._patch(kind, manifest["metadata"], manifest, "application/merge-patch+json")

    async def replace(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        """Replace an object; raises ApiError 409 unless it still has the manifest's resourceVersion."""
        metadata = manifest["metadata"]
        return await self._call(
            "PUT",
            path_of(kind, metadata["namespace"], metadata["name"]),
            query={"fieldManager": FIELD_MANAGER},
            body=manifest,
            kind=kind,
            verb="update",
        )

    async def set_managed_fields(
        self, kind: Kind, live: Manifest, entries: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Replace an object's managedFields; raises ApiError 409 when it has changed since `live`."""
        metadata = live["metadata"]
        steps = [
            {"op": "replace", "path": "/metadata/managedFields", "value": list(entries)},
            # Another version than the stored one is a conflict.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]
        return await self._patch(kind, metadata, steps, "application/json-patch+json")

    async def _patch(
        self, kind: Kind, metadata: Mapping[str, Any], body: Mapping[str, Any] | list[Any], content_type: str
    ) -> dict[str, Any]:
        return await self._call(
            "PATCH",
            path_of(kind, metadata["namespace"], metadata["name"]),
            query={"fieldManager": FIELD_MANAGER},
            body=body,
            content_type=content_type,
            kind=kind,
            verb="patch",
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object with this uid, its dependants after it; one that is gone is as good."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._call("DELETE", path_of(kind, namespace, name), body=body, kind=kind, verb="delete")
        except ApiError as error:
            # 409: another object has that name now; it is not the one to delete.
            if error.status not in (404, 409):
                raise

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Merge into an object's status; `change` may carry metadata.uid as a precondition."""
        return await self._call(
            "PATCH",
            f"{path_of(kind, namespace, name)}/status",
            query={"fieldManager": FIELD_MANAGER},
            body=change,
            content_type="application/merge-patch+json",
            kind=kind,
            verb="patch_status",
        )

    async def unguarded(
        self,
        method: str,
        path: str,
        kind: Kind,
        verb: str,
        seconds: float,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """A request that the fence does not hold up: of the lease, the master key and the metrics API.

        `path` may end with a query.
        """
        return await self._connection.send(
            method, path, body=body, content_type=content_type, kind=kind.kind, verb=verb, seconds=seconds
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        kind: Kind,
        verb: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | list[Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        seconds = _READ_SECONDS if method == "GET" else min(_WRITE_SECONDS, self._guard())
        return await self._connection.send(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            kind=kind.kind,
            verb=verb,
            seconds=seconds,
        )
