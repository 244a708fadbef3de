"""Keys: read from a folder, told apart, and what each of them opens."""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import ASGIApp

from sirocco_serving.access.allowed_models import AllowedModels
from sirocco_serving.access.allowlist import Allowlist
from sirocco_serving.access.identify import Identify
from sirocco_serving.access.keys import KeyRing, open_keys, parse_entry
from sirocco_serving.access.require_key import RequireKey
from sirocco_serving.config import AccessSettings
from sirocco_serving.limits.body import Body
from sirocco_serving.request.paths import HEALTH
from sirocco_serving.request.state import Identity
from tests.unit.serving.asgi import Exchange, answering, exchange

ALICE, BOB, INTERNAL = (f"sk-sirocco-{name:x<43}" for name in ("alice", "bob", "internal"))


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def entry(key: str, **fields: object) -> str:
    return json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest(), **fields})


def secret(folder: Path, entries: Mapping[str, str]) -> Path:
    """Writes the folder as the kubelet does: links into a folder that one swapped link names."""
    folder.mkdir(exist_ok=True)
    version = folder / f"..version-{len(list(folder.iterdir()))}"
    version.mkdir()
    for name, text in entries.items():
        (version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(version.name)
    os.replace(folder / "..new", folder / "..data")
    for link in folder.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink()
    return folder


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    internal = tmp_path / "internal"
    internal.write_text(INTERNAL + "\n")
    folder = secret(tmp_path / "keys", {"alice": entry(ALICE), "bob": entry(BOB, models=["small"])})
    return KeyRing(folder, internal)


def found(ring: KeyRing, key: str) -> str | None:
    who = ring.find(key.encode())
    return None if who is None else who.name


def test_an_entry_says_what_its_holder_may_do() -> None:
    text = entry(ALICE, models=["a", "b"], requestsPerMinute=60, tokensPerMinute=1000)
    digest, who = parse_entry("alice", text.encode())
    assert digest == hashlib.sha256(ALICE.encode()).digest()
    assert who == Identity(
        "alice", models=frozenset({"a", "b"}), requests_per_minute=60, tokens_per_minute=1000
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a", "{}", "sha256: Field required"),
        ("a", '{"sha256": "12"}', "sha256: String should match pattern"),
        ("a", entry(ALICE, models=[]), "models: List should have at least 1 item"),
        (
            "a",
            entry(ALICE, requestsPerMinute=0),
            "requestsPerMinute: Input should be greater than or equal to 1",
        ),
        ("a", entry(ALICE, tokensperminute=1), "tokensperminute: Extra inputs are not permitted"),
        ("a", ALICE, "entry: Invalid JSON"),
        ("internal", entry(ALICE), "choose another"),
        ("a b", entry(ALICE), "entry: String should match pattern"),
    ],
)
def test_a_wrong_entry_is_refused_without_its_text(name: str, text: str, problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_entry(name, text.encode())
    assert problem in str(raised.value)
    assert ALICE not in str(raised.value)
    assert hashlib.sha256(ALICE.encode()).hexdigest() not in str(raised.value)


def test_a_key_is_found_and_another_text_is_not(ring: KeyRing) -> None:
    assert [found(ring, key) for key in (ALICE, BOB, INTERNAL)] == ["alice", "bob", "internal"]
    assert [found(ring, key) for key in ("", ALICE + "x", ALICE[:-1], "alice")] == [None] * 4


def test_only_the_internal_key_is_internal(ring: KeyRing) -> None:
    internal, alice = ring.find(INTERNAL.encode()), ring.find(ALICE.encode())
    assert internal
    assert alice
    assert (internal.internal, alice.internal) == (True, False)


def test_a_changed_secret_holds_without_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    folder = secret(tmp_path / "keys", {"alice": entry(ALICE)})
    ring = KeyRing(folder, None, clock)
    secret(folder, {"bob": entry(BOB)})
    clock.now += 1
    assert (found(ring, ALICE), found(ring, BOB)) == (None, "bob")


def test_a_changed_plain_folder_holds_without_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "alice").write_text(entry(ALICE))
    ring = KeyRing(tmp_path, None, clock)
    (tmp_path / "bob").write_text(entry(BOB))
    (tmp_path / "alice").unlink()
    clock.now += 1
    assert (found(ring, ALICE), found(ring, BOB)) == (None, "bob")


def test_a_changed_internal_key_holds_without_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "key"
    file.write_text(INTERNAL)
    ring = KeyRing(None, file, clock)
    file.write_text(INTERNAL + "2")
    clock.now += 1
    assert (found(ring, INTERNAL), found(ring, INTERNAL + "2")) == (None, "internal")


def test_while_the_folder_is_away_the_last_keys_hold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "alice").write_text(entry(ALICE))
    ring = KeyRing(folder, None, clock)
    folder.rename(tmp_path / "elsewhere")
    clock.now += 1
    with caplog.at_level(logging.WARNING):
        assert found(ring, ALICE) == "alice"
    assert "the keys read before stay valid" in caplog.text


def test_a_wrong_entry_locks_out_its_own_holder_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = secret(tmp_path / "keys", {"alice": entry(ALICE), "bob": BOB, "carol": entry(ALICE)})
    with caplog.at_level(logging.ERROR):
        ring = KeyRing(folder, None)
    assert (found(ring, ALICE), found(ring, BOB)) == ("alice", None)
    assert "'bob' is no valid key" in caplog.text
    assert "'carol' is no valid key: another entry has the same key" in caplog.text
    assert BOB not in caplog.text


def test_an_empty_folder_lets_nobody_in(tmp_path: Path) -> None:
    assert found(KeyRing(tmp_path, None), "") is None


@pytest.mark.parametrize("text", ["", "\n", "short"])
def test_an_internal_key_that_could_be_guessed_ends_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(SystemExit, match=r"sirocco serving: config: cannot read the keys: .* shorter than"):
        KeyRing(None, tmp_path / "key")


def test_a_missing_folder_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="sirocco serving: config: cannot read the keys: "):
        KeyRing(tmp_path / "none", None)


def test_settings_without_keys_open_none() -> None:
    assert open_keys(AccessSettings()) is None


def guarded(ring: KeyRing, app: ASGIApp | None = None) -> ASGIApp:
    """The layers that keys are about, in the stack's order."""
    return Identify(Allowlist(RequireKey(Body(AllowedModels(app or answering()), 1000))), ring)


def ask(
    app: ASGIApp, path: str, key: str | None = None, body: object = None, method: str = "POST", **headers: str
) -> Exchange:
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    served = SimpleNamespace(
        state=SimpleNamespace(args=SimpleNamespace(served_model_name=["big", "small"], model="/m"))
    )
    made = exchange(path, json.dumps(body or {}).encode(), method, served, headers)
    asyncio.run(made.through(app))
    return made


def code(answer: Exchange) -> object:
    return json.loads(answer.text)["error"]["code"]


@pytest.mark.parametrize("path", ["/generate", "/v1/chat/completions", "/v1/models", "/metrics"])
@pytest.mark.parametrize("key", [None, "sk-sirocco-wrong", ""])
def test_without_a_valid_key_the_answer_is_401(ring: KeyRing, path: str, key: str | None) -> None:
    answer = ask(guarded(ring), path, key)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert code(answer) == "invalid_api_key"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_a_key_requests_come_through(ring: KeyRing, scheme: str) -> None:
    assert ask(guarded(ring), "/generate", Authorization=f"{scheme} {ALICE}").text == "inner"


@pytest.mark.parametrize("value", [ALICE, f"Basic {ALICE}", "Bearer"])
def test_another_scheme_is_no_key(ring: KeyRing, value: str) -> None:
    assert ask(guarded(ring), "/generate", Authorization=value).status == 401


def test_two_keys_in_one_request_are_none(ring: KeyRing) -> None:
    made = exchange("/generate", b"{}", headers={"Authorization": f"Bearer {ALICE}"})
    made.scope["headers"].append((b"authorization", f"Bearer {BOB}".encode()))
    asyncio.run(made.through(guarded(ring)))
    assert made.status == 401


@pytest.mark.parametrize("path", sorted(HEALTH))
def test_probes_need_no_key(ring: KeyRing, path: str) -> None:
    assert ask(guarded(ring), path, method="GET").text == "inner"


def test_preflight_needs_no_key(ring: KeyRing) -> None:
    assert ask(guarded(ring), "/generate", method="OPTIONS").text == "inner"


def test_metrics_are_for_the_internal_key_alone(ring: KeyRing) -> None:
    assert ask(guarded(ring), "/metrics", INTERNAL, method="GET").text == "inner"
    refused = ask(guarded(ring), "/metrics", ALICE, method="GET")
    assert (refused.status, code(refused)) == (403, "internal_key_needed")


@pytest.mark.parametrize("path", ["/tokenize", "/invocations", "/v1/load_lora_adapter", "/docs"])
def test_vllms_own_routes_are_there_for_the_internal_key_alone(ring: KeyRing, path: str) -> None:
    assert ask(guarded(ring), path, INTERNAL).text == "inner"
    assert [ask(guarded(ring), path, key).status for key in (None, ALICE, "wrong")] == [404, 404, 404]


def test_with_no_users_keys_the_internal_key_still_opens_vllms_own_routes(ring: KeyRing) -> None:
    app = Identify(Allowlist(answering()), ring)
    assert ask(app, "/tokenize", INTERNAL).text == "inner"
    assert ask(app, "/tokenize").status == 404
    assert ask(app, "/metrics", "anything").text == "inner"


def test_the_key_goes_no_further_than_its_check(ring: KeyRing) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await answering()(scope, receive, send)

    ask(guarded(ring, app), "/generate", ALICE, Accept="*/*")
    assert seen == [(b"accept", b"*/*")]


@pytest.mark.parametrize(
    ("path", "key", "body", "status"),
    [
        ("/v1/chat/completions", BOB, {"model": "small"}, 200),
        ("/v1/chat/completions", BOB, {"model": "big"}, 403),
        ("/v1/completions", BOB, {"model": "other"}, 403),
        ("/v1/completions", BOB, {"model": ["small"]}, 403),
        ("/v1/completions", BOB, {}, 200),
        ("/v1/completions", ALICE, {"model": "big"}, 200),
        ("/generate", BOB, {"prompt": "x"}, 200),
        ("/generate/batch", BOB, {"model": "big"}, 200),
        ("/v1/completions", INTERNAL, {"model": "big"}, 200),
    ],
)
def test_a_key_opens_its_models_alone(ring: KeyRing, path: str, key: str, body: object, status: int) -> None:
    answer = ask(guarded(ring), path, key, body)
    assert answer.status == status
    if status == 403:
        error = json.loads(answer.text)["error"]
        assert (error["code"], error["param"]) == ("model_not_allowed", "model")


def test_a_key_for_models_that_are_not_here_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "carol").write_text(entry(ALICE, models=["elsewhere"]))
    app = guarded(KeyRing(tmp_path, None))
    assert [ask(app, path, ALICE).status for path in ("/generate", "/v1/completions")] == [403, 403]
