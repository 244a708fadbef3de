"""Settings are read once, and a wrong file is reported before anything is loaded."""

import json
import logging
from pathlib import Path

import pytest

from sirocco_serving.config import PATH_VARIABLE, read_settings, settings_of
from tests.unit.serving_json import DEFAULTS


def settings_error(path: Path) -> str:
    with pytest.raises(SystemExit) as raised:
        read_settings({PATH_VARIABLE: str(path)})
    return str(raised.value)


def test_without_a_file_the_defaults_hold() -> None:
    drain = read_settings({}).drain
    assert (drain.settle_seconds, drain.timeout_seconds) == (6, 600)


def test_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "serving.json"
    path.write_text(json.dumps({"drain": {"settle_seconds": 0.5, "timeout_seconds": 20}}))
    drain = read_settings({PATH_VARIABLE: str(path)}).drain
    assert (drain.settle_seconds, drain.timeout_seconds) == (0.5, 20)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    line = settings_error(tmp_path / "none.json")
    assert line.startswith("sirocco serving: config: cannot read")
    assert str(tmp_path / "none.json") in line


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"drain": {"settle_seconds": "6"}}', "drain.settle_seconds: Input should be a valid number"),
        (
            '{"drain": {"timeout_seconds": -1}}',
            "drain.timeout_seconds: Input should be greater than or equal to 0",
        ),
        ("{", "the file: Invalid JSON"),
        ('{"limits": {"in_flight": 0}}', "limits.in_flight: Input should be greater than or equal to 1"),
        ('{"access": {"keys_folder": "keys"}}', "access.keys_folder: must be an absolute path"),
        (
            '{"access": {"allowed_origins": ["https://a.example/"]}}',
            "access.allowed_origins.0: must be an origin",
        ),
        ('{"access": {"allowed_origins": ["a.example"]}}', "access.allowed_origins.0: must be an origin"),
        (
            '{"access": {"denied_patterns": [{"name": "x", "pattern": "("}]}}',
            "access.denied_patterns.0.pattern: is not a regular expression: missing )",
        ),
        ('{"generation": {"top_p": 0}}', "generation.top_p: Input should be greater than 0"),
        ('{"answer_cache": {"seconds": 0}}', "answer_cache.seconds: Input should be greater than 0"),
        ('{"tracing": {}}', "tracing.endpoint: Field required"),
        ('{"tracing": {"endpoint": "collector:4317"}}', "tracing.endpoint: must be http(s)://HOST"),
        ('{"tracing": {"endpoint": "http://collector:4318/v1/traces"}}', "without a path"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "serving.json"
    path.write_text(content)
    line = settings_error(path)
    assert problem in line
    assert line.startswith("sirocco serving: config: ")
    assert "\n" not in line


def test_the_whole_file_is_understood(tmp_path: Path) -> None:
    content = {
        **DEFAULTS,
        "access": {
            "keys_folder": None,
            "internal_key_file": None,
            "allowed_origins": ["*", "https://a.example", "http://localhost:3000"],
            "denied_patterns": [{"name": "cards", "pattern": "[0-9]{16}"}],
        },
        "answer_cache": {"bytes": 67108864, "seconds": 300.0},
        "tracing": {"endpoint": "http://collector:4317", "sample_ratio": 1.0},
    }
    path = tmp_path / "serving.json"
    path.write_text(json.dumps(content))
    assert json.loads(read_settings({PATH_VARIABLE: str(path)}).model_dump_json()) == content


# As an operator of a later version writes them: a section, a setting, and one inside a list.
NEWER = {
    "speculation": {"tokens": 4},
    "drain": {"settle_seconds": 3, "hurry": True},
    "access": {"denied_patterns": [{"name": "cards", "pattern": "[0-9]{16}", "answer": "no"}]},
}


def test_settings_of_a_newer_operator_are_ignored_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "serving.json"
    path.write_text(json.dumps(NEWER))
    with caplog.at_level(logging.WARNING, logger="vllm.sirocco"):
        settings = read_settings({PATH_VARIABLE: str(path)})
    assert (settings.drain.settle_seconds, settings.drain.timeout_seconds) == (3, 600)
    assert [rule.name for rule in settings.access.denied_patterns] == ["cards"]
    (message,) = caplog.messages
    assert message == (
        f"{path} has settings that this image does not know, they are ignored: "
        "drain.hurry, access.denied_patterns.0.answer, speculation"
    )


def test_a_known_setting_is_checked_beside_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / "serving.json"
    path.write_text('{"speculation": {}, "drain": {"settle_seconds": -1}}')
    line = settings_error(path)
    assert "drain.settle_seconds: Input should be greater than or equal to 0" in line
    assert "speculation" not in line


def test_a_file_of_a_persons_own_must_have_no_unknown_setting(tmp_path: Path) -> None:
    path = tmp_path / "serving.json"
    path.write_text('{"drain": {"settle": 6}}')
    with pytest.raises(SystemExit, match=r"drain\.settle: Extra inputs are not permitted"):
        settings_of(path)
