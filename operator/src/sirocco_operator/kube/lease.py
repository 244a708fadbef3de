"""The leader's record, kept in a Lease."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sirocco_operator.controller.leader import Conflict, Record
from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import LEASE, path_of

# The name of the Lease that the replicas of an operator share, in its own namespace.
LEASE_NAME: Final = "sirocco-operator"


class LeaseLock:
    """Keeps the leader's record in a Lease."""

    def __init__(self, kube: Kube, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._annotations = annotations

    async def read(self, seconds: float) -> Record | None:
        """The record; None when the Lease does not exist."""
        path = path_of(LEASE, self._namespace, self._name)
        try:
            lease = await self._kube.unguarded("GET", path, LEASE, "get", seconds)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return _record(lease)

    async def write(self, record: Record, seconds: float) -> Record:
        """Create or replace the Lease; raises Conflict when another was faster."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease: dict[str, Any] = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "annotations": dict(self._annotations),
            },
            "spec": {
                "holderIdentity": record.holder,
                # The API wants whole seconds, at least one.
                "leaseDurationSeconds": max(1, round(record.seconds)),
                "leaseTransitions": record.transitions,
                "renewTime": now,
            },
        }
        if record.version:
            lease["metadata"]["resourceVersion"] = record.version
        path = path_of(LEASE, self._namespace, self._name if record.version else "")
        method, verb = ("PUT", "update") if record.version else ("POST", "create")
        try:
            return _record(await self._kube.unguarded(method, path, LEASE, verb, seconds, lease))
        except ApiError as error:
            if error.status == 409:
                raise Conflict(error.message) from error
            raise


def _record(lease: Manifest) -> Record:
    spec = lease.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        seconds=float(spec.get("leaseDurationSeconds") or 1),
        transitions=int(spec.get("leaseTransitions") or 0),
        version=lease["metadata"]["resourceVersion"],
        renewed=spec.get("renewTime") or "",
    )
