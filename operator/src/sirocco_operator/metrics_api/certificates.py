"""Sources of the serving certificate: the operator's own Secret, or files that somebody else maintains."""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import API_SERVICE, SECRET, Kind, path_of
from sirocco_operator.metrics_api.documents import GROUP, VERSION
from sirocco_operator.metrics_api.pki import (
    Certificates,
    Leaf,
    bundle_of,
    from_secret,
    plan,
    to_secret,
    utc_now,
)

log = logging.getLogger(__name__)

SECRET_NAME: Final = "sirocco-operator-metrics-tls"  # noqa: S105 -- a name
API_SERVICE_NAME: Final = f"{VERSION}.{GROUP}"
FIELD_MANAGER: Final = "sirocco-operator-metrics"

_SECONDS: Final = 10.0


class CertificateSource(Protocol):
    """Provides the certificate to serve."""

    async def current(self) -> Leaf:
        """The certificate to serve now; raises ApiError, OSError or ValueError when there is none."""


class MountedCertificate:
    """Reads tls.crt and tls.key from a folder each time, e.g. from cert-manager's Secret."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def current(self) -> Leaf:
        """The certificate in the folder; raises OSError, or ValueError when the key is another's."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Leaf:
        leaf = Leaf((self._folder / "tls.crt").read_bytes(), (self._folder / "tls.key").read_bytes())
        # Outside a Secret's volume the two files change one after the other.
        if not leaf.key_matches():
            raise ValueError(f"{self._folder}: tls.key is not the key of tls.crt")
        return leaf


class OwnCertificate:
    """Keeps a certificate in a Secret: any replica creates it, the leader renews and publishes it."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        service: str,
        leads: Callable[[], bool],
        overlap: timedelta,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._service = service
        self._names = (f"{service}.{namespace}.svc",)
        self._leads = leads
        self._overlap = overlap
        self._now = now

    async def current(self) -> Leaf:
        """The certificate to serve now, after renewing and publishing it where that is due."""
        secret = await self._read(SECRET, self._namespace, SECRET_NAME)
        if secret is None:
            await self._create(plan(None, self._names, b"", self._now(), self._overlap))
            # Another replica may have created it first.
            secret = await self._read(SECRET, self._namespace, SECRET_NAME) or {}
        found = from_secret(secret.get("data") or {})
        api_service = await self._read(API_SERVICE, None, API_SERVICE_NAME)
        published = b"" if api_service is None else bundle_of(api_service)
        if self._leads():
            wanted = plan(found, self._names, published, self._now(), self._overlap)
            if wanted is not found:
                await self._replace(secret, wanted)
                log.info("certificate of the metrics API: %s", _describe_change(found, wanted))
            found = wanted
        if found is None:
            raise ValueError(
                f"Secret {self._namespace}/{SECRET_NAME} cannot be read: the leader makes it anew"
            )
        # Nobody leads while all replicas start, so any replica may publish the first bundle.
        ours = api_service is not None and self._is_ours(api_service)
        if (
            api_service is not None
            and ours
            and published != found.bundle
            and (self._leads() or not published)
        ):
            await self._publish(api_service, found.bundle)
        return found.served

    def _is_ours(self, api_service: Mapping[str, Any]) -> bool:
        service = (api_service.get("spec") or {}).get("service") or {}
        return (service.get("namespace"), service.get("name")) == (self._namespace, self._service)

    async def _read(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        try:
            return await self._kube.unguarded("GET", path_of(kind, namespace, name), kind, "get", _SECONDS)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _create(self, certificates: Certificates) -> None:
        manifest = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {"name": SECRET_NAME, "namespace": self._namespace},
            "type": "kubernetes.io/tls",
            "data": to_secret(certificates),
        }
        path = path_of(SECRET, self._namespace)
        try:
            await self._kube.unguarded("POST", path, SECRET, "create", _SECONDS, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        else:
            log.info("certificate of the metrics API: made, ends %s", certificates.served.expiry.isoformat())

    async def _replace(self, secret: Mapping[str, Any], certificates: Certificates) -> None:
        path = path_of(SECRET, self._namespace, SECRET_NAME)
        manifest = {**secret, "data": to_secret(certificates)}
        # The manifest has its resourceVersion, so a former leader cannot overwrite this change.
        await self._kube.unguarded("PUT", path, SECRET, "update", _SECONDS, manifest)

    async def _publish(self, api_service: Mapping[str, Any], bundle: bytes) -> None:
        path = f"{path_of(API_SERVICE, None, API_SERVICE_NAME)}?fieldManager={FIELD_MANAGER}&force=true"
        manifest = {
            "apiVersion": API_SERVICE.api_version,
            "kind": API_SERVICE.kind,
            # With the uid, a deleted APIService does not come back without its service.
            "metadata": {"name": API_SERVICE_NAME, "uid": api_service["metadata"]["uid"]},
            "spec": {"caBundle": base64.b64encode(bundle).decode()},
        }
        await self._kube.unguarded(
            "PATCH", path, API_SERVICE, "apply", _SECONDS, manifest, "application/apply-patch+yaml"
        )
        log.info("APIService %s has the certificate authorities of the metrics API", API_SERVICE_NAME)


def _describe_change(before: Certificates | None, after: Certificates) -> str:
    if after.following is not None:
        return f"the next one is made, the served one ends {after.served.expiry.isoformat()}"
    if before is not None and before.following == after.served:
        return f"the next one is served, it ends {after.served.expiry.isoformat()}"
    return f"made anew, ends {after.served.expiry.isoformat()}"
