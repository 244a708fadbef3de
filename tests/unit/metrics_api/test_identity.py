"""Which client is authenticated, as which user."""

import pytest

from sirocco_operator.metrics_api.documents import HttpError
from sirocco_operator.metrics_api.identity import FrontProxy, User, authenticate

CONFIG = {
    "client-ca-file": "another CA, which counts for nothing here",
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-client-ca-file": "-----BEGIN CERTIFICATE-----\n",
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-username-headers": '["X-Remote-User"]',
}
PROXY = FrontProxy.parse(CONFIG)


def certificate(*names: str) -> dict[str, object]:
    """A verified certificate in the form of `ssl`."""
    return {"subject": tuple((("commonName", name),) for name in names)}


def refusal(proxy: FrontProxy, peer: dict[str, object] | None, *headers: tuple[str, str]) -> str:
    with pytest.raises(HttpError) as raised:
        authenticate(proxy, peer, headers)
    assert raised.value.status == 401
    return raised.value.message


def test_the_front_proxy_says_who_asks() -> None:
    headers = [
        ("x-remote-user", "alice"),
        ("X-Remote-Uid", "1-2"),
        ("X-Remote-Group", "team"),
        ("X-Remote-Group", "system:authenticated"),
        ("X-Remote-Extra-Example.com%2Fscopes", "a"),
        ("X-Remote-Extra-Example.com%2Fscopes", "b"),
        ("Authorization", "Bearer ignored"),
    ]
    assert authenticate(PROXY, certificate("front-proxy-client"), headers) == User(
        "alice", "1-2", ("team", "system:authenticated"), (("example.com/scopes", ("a", "b")),)
    )


def test_headers_alone_make_nobody() -> None:
    assert "only the API server" in refusal(PROXY, None, ("X-Remote-User", "admin"))
    assert "only the API server" in refusal(PROXY, {}, ("X-Remote-User", "admin"))


def test_another_certificate_of_the_same_authority_is_refused() -> None:
    assert "somebody" in refusal(PROXY, certificate("somebody"), ("X-Remote-User", "admin"))


def test_any_name_will_do_where_none_is_named() -> None:
    proxy = FrontProxy.parse({**CONFIG, "requestheader-allowed-names": "[]"})
    assert authenticate(proxy, certificate("somebody"), [("X-Remote-User", "alice")]).name == "alice"


def test_a_call_for_nobody_is_refused() -> None:
    assert "X-Remote-User" in refusal(PROXY, certificate("front-proxy-client"), ("X-Remote-Group", "team"))


def test_an_api_server_without_aggregation_layer_is_reported() -> None:
    with pytest.raises(ValueError, match="aggregation layer is off"):
        FrontProxy.parse({"client-ca-file": "x"})


def test_a_config_that_cannot_be_read_is_reported() -> None:
    with pytest.raises(ValueError, match="requestheader-allowed-names is no JSON list"):
        FrontProxy.parse({**CONFIG, "requestheader-allowed-names": "front-proxy-client"})
