"""Who asks: the API server's front proxy tells, and is believed by its client certificate alone."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import unquote

from sirocco_operator.metrics_api.documents import HttpError

# Where every API server with an aggregation layer says how its front proxy is known.
CONFIG_NAMESPACE: Final = "kube-system"
CONFIG_NAME: Final = "extension-apiserver-authentication"


@dataclass(frozen=True)
class FrontProxy:
    """How the front proxy is known, and in which headers it tells who asks."""

    # PEM, one or more certificates.
    ca: str
    # Any common name will do when there are none.
    allowed_names: frozenset[str]
    user_headers: tuple[str, ...]
    uid_headers: tuple[str, ...]
    group_headers: tuple[str, ...]
    extra_prefixes: tuple[str, ...]

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> Self:
        """Read the ConfigMap's data; raises ValueError when the API server has no front proxy."""
        ca = data.get("requestheader-client-ca-file", "")
        users = _names(data, "requestheader-username-headers")
        if not ca.strip() or not users:
            raise ValueError(
                f"ConfigMap {CONFIG_NAMESPACE}/{CONFIG_NAME} names no requestheader-client-ca-file and "
                "requestheader-username-headers: the API server's aggregation layer is off, turn it on "
                "(--requestheader-client-ca-file and the flags beside it)"
            )
        return cls(
            ca=ca,
            allowed_names=frozenset(_names(data, "requestheader-allowed-names")),
            user_headers=users,
            uid_headers=_names(data, "requestheader-uid-headers"),
            group_headers=_names(data, "requestheader-group-headers"),
            extra_prefixes=_names(data, "requestheader-extra-headers-prefix"),
        )


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as the API server knows them."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


def common_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The subject's common names of a certificate, in the form of `ssl`; none without one."""
    subject = (certificate or {}).get("subject") or ()
    return frozenset(value for part in subject for name, value in part if name == "commonName")


def authenticate(
    proxy: FrontProxy, certificate: Mapping[str, Any] | None, headers: Iterable[tuple[str, str]]
) -> User:
    """Who asks; `certificate` is one that the front proxy's CA signed, as the handshake saw to.

    Raises HttpError with 401.
    """
    if not certificate:
        raise HttpError(401, "only the API server may call: ask through it, e.g. with kubectl get --raw")
    names = common_names(certificate)
    if proxy.allowed_names and not names & proxy.allowed_names:
        raise HttpError(
            401,
            f"the certificate of {', '.join(sorted(names)) or 'nobody'} is not the API server's",
        )
    told = [(name.lower(), value) for name, value in headers]
    user = next(iter(_values(told, proxy.user_headers)), "")
    if not user:
        raise HttpError(401, f"the API server did not say who asks: {proxy.user_headers[0]} is missing")
    return User(
        name=user,
        uid=next(iter(_values(told, proxy.uid_headers)), ""),
        groups=tuple(_values(told, proxy.group_headers)),
        extra=_extra(told, proxy.extra_prefixes),
    )


def _values(told: list[tuple[str, str]], names: Iterable[str]) -> list[str]:
    return [value for wanted in names for name, value in told if name == wanted.lower() and value]


def _extra(told: list[tuple[str, str]], prefixes: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for prefix in prefixes:
        for name, value in told:
            if name.startswith(prefix.lower()):
                found.setdefault(unquote(name[len(prefix) :]), []).append(value)
    return tuple((name, tuple(values)) for name, values in sorted(found.items()))


def _names(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    text = data.get(key, "")
    try:
        names = json.loads(text) if text.strip() else []
    except ValueError as error:
        raise ValueError(f"ConfigMap {CONFIG_NAMESPACE}/{CONFIG_NAME}: {key} is no JSON list") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"ConfigMap {CONFIG_NAMESPACE}/{CONFIG_NAME}: {key} is no JSON list of strings")
    return tuple(names)
