"""Authenticates requests: the front proxy names the user, and only its client certificate is trusted."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import unquote

from sirocco_operator.metrics_api.documents import HttpError

# Every API server with an aggregation layer describes its front proxy in this ConfigMap.
CONFIG_NAMESPACE: Final = "kube-system"
CONFIG_NAME: Final = "extension-apiserver-authentication"


@dataclass(frozen=True)
class FrontProxy:
    """How to recognise the front proxy, and the headers in which it names the user."""

    # One or more PEM certificates.
    ca: str
    # When empty, any common name is accepted.
    allowed_names: frozenset[str]
    user_headers: tuple[str, ...]
    uid_headers: tuple[str, ...]
    group_headers: tuple[str, ...]
    extra_prefixes: tuple[str, ...]

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> Self:
        """Parse the ConfigMap's data; raises ValueError when the API server has no front proxy."""
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
    """A user as the API server identified them."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


def common_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The common names of a certificate in the form of `ssl`; none without a certificate."""
    subject = (certificate or {}).get("subject") or ()
    return frozenset(value for part in subject for name, value in part if name == "commonName")


def authenticate(
    proxy: FrontProxy, certificate: Mapping[str, Any] | None, headers: Iterable[tuple[str, str]]
) -> User:
    """The user of a request; raises HttpError 401 when it does not come from the front proxy.

    `certificate` is the client's. The TLS handshake has verified that the front proxy's CA signed it.
    """
    if not certificate:
        raise HttpError(401, "only the API server may call: ask through it, e.g. with kubectl get --raw")
    names = common_names(certificate)
    if proxy.allowed_names and not names & proxy.allowed_names:
        raise HttpError(
            401,
            f"the certificate of {', '.join(sorted(names)) or 'nobody'} is not the API server's",
        )
    lowered = [(name.lower(), value) for name, value in headers]
    user = next(iter(_values(lowered, proxy.user_headers)), "")
    if not user:
        raise HttpError(401, f"the API server did not say who asks: {proxy.user_headers[0]} is missing")
    return User(
        name=user,
        uid=next(iter(_values(lowered, proxy.uid_headers)), ""),
        groups=tuple(_values(lowered, proxy.group_headers)),
        extra=_extra(lowered, proxy.extra_prefixes),
    )


def _values(lowered: list[tuple[str, str]], names: Iterable[str]) -> list[str]:
    return [value for wanted in names for name, value in lowered if name == wanted.lower() and value]


def _extra(
    lowered: list[tuple[str, str]], prefixes: Iterable[str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for prefix in prefixes:
        for name, value in lowered:
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
