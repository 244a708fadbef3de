"""Which operator serves a namespace: a cluster may have several releases, and each model has one operator.

The first operator that finds a model in a namespace writes its name into a Lease there. Nobody renews that
one: whether the operator still exists is read from the Lease that its own replicas elect their leader by.
Another operator takes the namespace over once that has not been renewed for a while, or is gone.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.controller.store import Manifest
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import LEASE

log = logging.getLogger(__name__)

CLAIM_NAME: Final = "sirocco-owner"
# On the Lease of an operator's leader: the namespaces that it serves, by commas, or *.
NAMESPACES_ANNOTATION: Final = "inference.sirocco.dev/namespaces"
EVERY_NAMESPACE: Final = "*"

# How often other operators are looked at, and for how long one may give no sign of life.
LOOK_SECONDS: Final = 15.0
GONE_SECONDS: Final = 60.0

# Whoever may write Leases in a namespace may write anything there.
_LEASE_OF_OPERATOR: Final = re.compile(r"[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}")


def lease_annotations(namespaces: Sequence[str]) -> dict[str, str]:
    """What an operator that serves these namespaces, all when empty, tells the others."""
    return {NAMESPACES_ANNOTATION: ",".join(namespaces) or EVERY_NAMESPACE}


@dataclass(frozen=True)
class _Sign:
    """What an operator's own Lease said when it was read, and since when it has said just that."""

    said: object
    namespaces: str
    since: float
    read_at: float


class Claims:
    """The claims on namespaces, and this operator's own dealings with them."""

    def __init__(
        self,
        kube: Kube,
        identity: str,
        changed: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`identity` is this operator's Lease as namespace/name; `changed` gets namespaces to see again."""
        self._kube = kube
        self._identity = identity
        self._changed = changed
        self._clock = clock
        self._claims: dict[str, Manifest] = {}
        # The namespaces that were left to others, and to whom.
        self._left: dict[str, str] = {}
        self._signs: dict[str, _Sign] = {}

    def left(self) -> Mapping[str, str]:
        """The namespaces with models that another operator serves, and its Lease as namespace/name."""
        return self._left

    async def hold(self, namespace: str) -> bool:
        """Whether this operator serves the namespace, which it claims where nobody else does.

        Raises ApiError and Retry.
        """
        claim = self._claims.get(namespace) or await self._claim(namespace)
        if claim is None:
            return False
        if (holder := _holder(claim)) == self._identity:
            self._left.pop(namespace, None)
            return True
        if _LEASE_OF_OPERATOR.fullmatch(holder) and await self._serves(holder, namespace):
            if self._left.get(namespace) != holder:
                log.warning("%s", left_to(namespace, holder))
            self._left[namespace] = holder
            return False
        log.warning("namespace %s is taken over from operator %s, which does not serve it", namespace, holder)
        try:
            mine = await self._kube.replace(
                LEASE, self._lease(namespace, claim["metadata"]["resourceVersion"])
            )
        except ApiError as error:
            if error.status in (404, 409):
                self._claims.pop(namespace, None)
                raise Retry(f"the claim on namespace {namespace} was changed meanwhile") from error
            raise
        self.put(mine)
        return True

    async def run(self) -> None:
        """Look at the other operators now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            others = set(self._left.values())
            self._signs = {holder: sign for holder, sign in self._signs.items() if holder in others}
            for namespace, holder in list(self._left.items()):
                try:
                    if not await self._serves(holder, namespace):
                        self._changed(namespace)
                except ApiError as error:
                    log.debug("operator %s cannot be looked at: %s", holder, error)

    def put(self, manifest: Manifest) -> None:
        """A claim exists in this version."""
        namespace = manifest["metadata"]["namespace"]
        before = self._claims.get(namespace)
        if before is None or _version(before) < _version(manifest):
            self._claims[namespace] = manifest
        if before is not None and _holder(before) != _holder(manifest):
            self._changed(namespace)

    def remove(self, manifest: Manifest) -> None:
        """A claim was deleted."""
        namespace = manifest["metadata"]["namespace"]
        before = self._claims.get(namespace)
        if before is not None and _version(before) <= _version(manifest):
            del self._claims[namespace]
            self._left.pop(namespace, None)
            self._changed(namespace)

    def keep(self, present: set[str], version: int, namespace: str | None) -> None:
        """A list of a namespace, or of all, at this version had the claims with these uids, and no others."""
        for name, claim in list(self._claims.items()):
            gone = claim["metadata"]["uid"] not in present and _version(claim) <= version
            if gone and namespace in (None, name):
                self.remove(claim)

    async def _claim(self, namespace: str) -> Manifest | None:
        """The claim, made where there was none; None in a namespace that is being deleted."""
        try:
            made = await self._kube.create(LEASE, self._lease(namespace))
        except ApiError as error:
            if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
                return None
            raise
        found = made or await self._kube.get(LEASE, namespace, CLAIM_NAME)
        if found is None:
            raise Retry(f"the claim on namespace {namespace} was deleted while it was made")
        self.put(found)
        return found

    def _lease(self, namespace: str, version: str = "") -> dict[str, Any]:
        metadata = {"name": CLAIM_NAME, "namespace": namespace}
        if version:
            metadata["resourceVersion"] = version
        spec = {"holderIdentity": self._identity}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}

    async def _serves(self, holder: str, namespace: str) -> bool:
        """Whether that operator lives, and still serves the namespace; raises ApiError."""
        sign, now = self._signs.get(holder), self._clock()
        # Many models ask at the same time.
        if sign is None or now - sign.read_at > LOOK_SECONDS / 2:
            said, namespaces = await self._ask(holder)
            since = sign.since if sign is not None and sign.said == said else now
            sign = self._signs[holder] = _Sign(said, namespaces, since, now)
        if sign.namespaces not in ("", EVERY_NAMESPACE) and namespace not in sign.namespaces.split(","):
            return False
        return now - sign.since < GONE_SECONDS

    async def _ask(self, holder: str) -> tuple[object, str]:
        """What changes with each sign of life of an operator, and the namespaces that it serves."""
        namespace, _, name = holder.partition("/")
        try:
            lease = await self._kube.get(LEASE, namespace, name)
        except ApiError as error:
            # Each release lets every operator read its Lease: without it the right to do so is gone, too.
            if error.status != 403:
                raise
            lease = None
        if lease is None:
            return None, ""
        annotations = lease["metadata"].get("annotations") or {}
        return (lease.get("spec") or {}).get("renewTime"), annotations.get(NAMESPACES_ANNOTATION, "")


@dataclass(frozen=True)
class ClaimSink:
    """Takes in the claims of one namespace, or of all."""

    claims: Claims
    namespace: str | None

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        """Take in a version of a claim."""
        self.claims.put(manifest)

    def remove(self, manifest: Manifest) -> None:
        """Take in that a claim was deleted."""
        self.claims.remove(manifest)

    def keep(self, present: set[str], version: int) -> None:
        """Take in that a list at this version had the claims with these uids, and no others."""
        self.claims.keep(present, version, self.namespace)


def left_to(namespace: str, holder: str) -> str:
    """The sentence about a namespace that another operator serves."""
    return (
        f"namespace {namespace} is left to operator {holder}, which serves it already: "
        "take it out of one release's watchNamespaces, or uninstall one of the two"
    )


def _holder(claim: Manifest) -> str:
    return str((claim.get("spec") or {}).get("holderIdentity") or "")


def _version(claim: Manifest) -> int:
    return int(claim["metadata"]["resourceVersion"])
