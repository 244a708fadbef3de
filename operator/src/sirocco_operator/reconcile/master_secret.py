"""The one secret of the operator, from which the internal keys of all models are derived.

So whoever runs the operator knows the keys of its models without a right to read their Secrets.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from sirocco_operator.controller.store import Key
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import SECRET, path_of

NAME: Final = "sirocco-operator-internal"
ENTRY: Final = "master"

_BYTES: Final = 32
# One that was replaced is noticed after so many seconds.
_KEPT_SECONDS: Final = 60.0
_SECONDS: Final = 10.0


def derive_internal_key(master: bytes, model: Key, uid: str) -> str:
    """A model's internal key: HMAC-SHA256 of its namespace, name and uid, 43 characters of base64url."""
    message = f"{model.namespace}/{model.name}/{uid}".encode()
    digest = hmac.new(master, message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class MasterSecret:
    """The Secret in the operator's namespace: written once, by the replica that misses it first."""

    def __init__(self, kube: Kube, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._namespace = namespace
        self._clock = clock
        self._kept: bytes | None = None
        self._until = 0.0

    async def get(self) -> bytes:
        """The master key, made where there is none; raises ApiError."""
        if self._kept is None or self._clock() >= self._until:
            found = await self._read()
            if found is None:
                await self._create()
                # Another replica may have been faster.
                found = await self._read()
            if found is None:
                raise ApiError(0, f"Secret {self._namespace}/{NAME} is deleted as soon as it is made")
            self._kept, self._until = _master(found, self._namespace), self._clock() + _KEPT_SECONDS
        return self._kept

    async def _read(self) -> dict[str, Any] | None:
        path = path_of(SECRET, self._namespace, NAME)
        try:
            return await self._kube.unguarded("GET", path, SECRET, "get", _SECONDS)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _create(self) -> None:
        manifest = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {"name": NAME, "namespace": self._namespace},
            "type": "Opaque",
            "data": {ENTRY: base64.b64encode(secrets.token_bytes(_BYTES)).decode()},
        }
        path = path_of(SECRET, self._namespace)
        try:
            await self._kube.unguarded("POST", path, SECRET, "create", _SECONDS, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise


def _master(secret: dict[str, Any], namespace: str) -> bytes:
    try:
        master = base64.b64decode((secret.get("data") or {}).get(ENTRY) or "", validate=True)
    except ValueError:
        master = b""
    if len(master) < _BYTES:
        # Status 409: to be tried again until somebody has seen to it.
        raise ApiError(
            409, f"Secret {namespace}/{NAME} has no {ENTRY} of {_BYTES} bytes: delete it, another one is made"
        )
    return master
