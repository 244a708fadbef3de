"""`sirocco keys create`, as a person uses it."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from sirocco_operator.cli.main import main
from sirocco_serving.access.keys import parse_entry

pytestmark = pytest.mark.unit


def _created(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, dict[str, Any], str]:
    """The key, the manifest, and all of standard output."""
    assert main(["keys", "create", *arguments]) == 0
    captured = capsys.readouterr()
    (key,) = re.findall(r"sk-\S+", captured.err)
    return key, yaml.safe_load(captured.out), captured.out


def _entry(manifest: dict[str, Any], name: str) -> bytes:
    assert list(manifest["data"]) == [name]
    return base64.b64decode(manifest["data"][name])


def test_the_key_is_random_and_long(capsys: pytest.CaptureFixture[str]) -> None:
    first, _, _ = _created(capsys, "alice")
    second, _, _ = _created(capsys, "alice")
    assert re.fullmatch("sk-sirocco-[A-Za-z0-9_-]{43}", first)
    assert first != second


def test_the_manifest_can_be_shown_to_anyone(capsys: pytest.CaptureFixture[str]) -> None:
    key, manifest, output = _created(capsys, "alice")
    assert key.removeprefix("sk-sirocco-") not in output + _entry(manifest, "alice").decode()


def test_the_serving_layer_lets_the_key_in(capsys: pytest.CaptureFixture[str]) -> None:
    key, manifest, _ = _created(capsys, "alice")
    digest, who = parse_entry("alice", _entry(manifest, "alice"))
    assert digest == hashlib.sha256(key.encode()).digest()
    assert (who.models, who.requests_per_minute, who.tokens_per_minute) == (None, None, None)


def test_what_the_key_may_do_is_what_the_options_say(capsys: pytest.CaptureFixture[str]) -> None:
    _, manifest, _ = _created(
        capsys,
        "ci",
        *("--models", "mistral,org/mistral:7b"),
        *("--requests-per-minute", "60"),
        *("--tokens-per-minute", "20000"),
    )
    text = _entry(manifest, "ci")
    _, who = parse_entry("ci", text)
    assert who.models == frozenset({"mistral", "org/mistral:7b"})
    assert (who.requests_per_minute, who.tokens_per_minute) == (60, 20000)
    assert set(json.loads(text)) == {"sha256", "models", "requestsPerMinute", "tokensPerMinute"}


def test_the_secret_is_the_one_named_in_the_namespace_given(capsys: pytest.CaptureFixture[str]) -> None:
    _, manifest, _ = _created(capsys, "alice", "--secret", "team.keys", "-n", "models")
    assert (manifest["apiVersion"], manifest["kind"], manifest["type"]) == ("v1", "Secret", "Opaque")
    assert manifest["metadata"] == {"name": "team.keys", "namespace": "models"}


def test_without_a_namespace_kubectl_takes_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    _, manifest, _ = _created(capsys, "alice")
    assert manifest["metadata"] == {"name": "model-keys"}


def test_the_next_command_is_printed_and_adds_to_the_other_entries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["keys", "create", "alice"]) == 0
    captured = capsys.readouterr()
    command = "kubectl apply --server-side --force-conflicts --field-manager=sirocco-key-alice -f FILE"
    assert command in captured.err
    assert captured.out.splitlines()[0] == f"# {command}"
    assert "access.keysSecretName: model-keys" in captured.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no spaces"], "'no spaces' is no key's name: use at most 63 letters, digits and ._-"),
        (["-alice-"], "required: NAME"),
        (["a" * 64], "is no key's name"),
        (["internal"], "internal is the operator's own key: choose another name"),
        (["alice", "--models", "a,,b"], "'' is no served name"),
        (["alice", "--requests-per-minute", "0"], "'0': write a whole number from 1 to 1000000000"),
        (["alice", "--tokens-per-minute", "1.5"], "'1.5': write a whole number from 1 to"),
        (["alice", "--secret", "Keys"], "'Keys' is no name that Kubernetes takes"),
        (["alice", "-n", "my space"], "'my space' is no name that Kubernetes takes"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_what_cannot_be_is_refused_with_what_can(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["keys", "create", *arguments])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert (sentence in captured.err, captured.out) == (True, "")


def test_help_is_enough_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["keys", "create", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("--models", "--secret", "--namespace", "kubectl apply --server-side", "revoke", "each pod"):
        assert word in text
