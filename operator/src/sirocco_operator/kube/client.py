"""The API client: raw objects in and out."""

import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config

from sirocco_operator.controller.reflector import Chunk
from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.errors import ApiError, api_error
from sirocco_operator.kube.kinds import Kind, path_of, root_of

FIELD_MANAGER: Final = "sirocco-operator"

_READ_SECONDS: Final = 30.0
_WRITE_SECONDS: Final = 10.0
# Objects in one answer of a list: parsed they take some 20 KiB each.
_CHUNK: Final = 250
_CONNECTION_ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError)
_SERVICE_ACCOUNT_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")

# How long the API server may hold a watch, and when the client takes a watch that goes on for dead.
_WATCH_SECONDS: Final = 120
_WATCH_CLIENT_SECONDS: Final = 135.0

# Receives each call: verb, kind, HTTP status (0 without an answer).
CallReport = Callable[[str, str, int], None]
# Asked before each write: the longest that it may take, in seconds; raises when it may not begin.
Guard = Callable[[], float]


@dataclass(frozen=True)
class Credentials:
    """How this process reaches the API server."""

    server: str
    ca_path: str | None
    token: str | None
    certificate_path: str | None
    key_path: str | None
    insecure: bool


class Kube:
    """One connection pool to the API server."""

    def __init__(self, api: client.ApiClient, report: CallReport, guard: Guard) -> None:
        self._api = api
        self._report = report
        self._guard = guard

    @classmethod
    async def connect(cls, report: CallReport, guard: Guard) -> Self:
        """Use $KUBECONFIG, else the pod's service account, else ~/.kube/config."""
        configuration = client.Configuration()
        if not os.environ.get("KUBECONFIG") and _SERVICE_ACCOUNT_TOKEN.exists():
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = 0
        # aiohttp would look for a proxy and a netrc file at each request, in a thread.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.proxy = configuration.proxy or _proxy_of(configuration.host)
        api = client.ApiClient(configuration)
        api.user_agent = FIELD_MANAGER
        return cls(api, report, guard)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def credentials(self) -> Credentials:
        """What another client needs to reach the same API server, fresh."""
        configuration = self._api.configuration
        headers = await self._headers("")
        header = headers.get("authorization", headers.get("Authorization", ""))
        return Credentials(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            # The scheme is "Bearer" or "bearer", by where the token comes from.
            token=header.partition(" ")[2] or None,
            certificate_path=configuration.cert_file,
            key_path=configuration.key_file,
            insecure=not configuration.verify_ssl,
        )

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
        """The objects of a kind, in chunks; an API that the cluster lacks is an empty list."""
        query = {"limit": str(_CHUNK)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        while True:
            try:
                answer = await self._call(
                    "GET", path_of(kind, namespace), query=query, kind=kind, verb="list"
                )
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

    async def watch(
        self, kind: Kind, namespace: str | None, version: int, labels: str = ""
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
        status = 0
        try:
            response = await self._request(
                "GET", path_of(kind, namespace), query, seconds=_WATCH_CLIENT_SECONDS
            )
            status = response.status
            async with response:
                if status >= 400:
                    raise api_error(status, await response.read(), response.headers.get("Retry-After", ""))
                rest = b""
                async for part in response.content.iter_any():
                    *lines, rest = (rest + part).split(b"\n")
                    if lines:
                        yield lines
        except _CONNECTION_ERRORS as error:
            raise _unreachable(error) from error
        finally:
            self._report("watch", kind.kind, status)

    async def create(self, kind: Kind, manifest: Manifest) -> dict[str, Any] | None:
        """Make an object and return it; None when there is one of its name, which is left as it is."""
        try:
            return await self._call(
                "POST",
                path_of(kind, manifest["metadata"]["namespace"]),
                query={"fieldManager": FIELD_MANAGER},
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

    async def set_managed_fields(
        self, kind: Kind, live: Manifest, entries: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Replace an object's managedFields; raises ApiError 409 or 422 when it has changed since `live`."""
        metadata = live["metadata"]
        steps = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "replace", "path": "/metadata/managedFields", "value": list(entries)},
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
        """A request that the fence does not hold up: the lease's own, and the metrics API's.

        `path` may end with a query.
        """
        return await self._send(method, path, {}, body, content_type, kind, verb, seconds)

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
        return await self._send(method, path, query or {}, body, content_type, kind, verb, seconds)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | list[Any] | None,
        content_type: str,
        kind: Kind,
        verb: str,
        seconds: float,
    ) -> dict[str, Any]:
        status = 0
        try:
            response = await self._request(method, path, query, body, content_type, seconds=seconds)
            content = await response.read()
            status = response.status
        except _CONNECTION_ERRORS as error:
            raise _unreachable(error) from error
        finally:
            self._report(verb, kind.kind, status)
        if status >= 400:
            raise api_error(status, content, response.headers.get("Retry-After", ""))
        answer: dict[str, Any] = json.loads(content)
        return answer

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | list[Any] | None = None,
        content_type: str = "application/json",
        *,
        seconds: float,
    ) -> aiohttp.ClientResponse:
        url = f"{self._api.configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        answer = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
            method,
            url,
            headers=await self._headers(content_type),
            body=body,
            _request_timeout=aiohttp.ClientTimeout(total=seconds),
        )
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._api.default_headers}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        return headers


def _proxy_of(server: str) -> str | None:
    """The proxy that the environment names for the API server."""
    parts = urlsplit(server)
    proxy = getproxies().get(parts.scheme)
    return proxy if proxy and not proxy_bypass(parts.netloc) else None


def _unreachable(error: Exception) -> ApiError:
    return ApiError(0, f"the API server cannot be reached: {str(error) or type(error).__name__}")
