"""The serving layer's settings."""

import json
import re
from typing import Any

import pytest

from sirocco_serving.config import Settings as ServingSettings
from tests.unit.children.rendering import a_model, children, pod, volumes
from tests.unit.serving_json import DEFAULTS

pytestmark = pytest.mark.unit


# Each field of the resource, and what it changes in the settings.
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "engine.generation.temperature": (
        {"engine": {"generation": {"temperature": 0}}},
        {"generation": {"temperature": 0.0}},
    ),
    "engine.generation.topP": ({"engine": {"generation": {"topP": 0.5}}}, {"generation": {"top_p": 0.5}}),
    "engine.generation.maxTokens": (
        {"engine": {"generation": {"maxTokens": 16}}},
        {"generation": {"max_tokens": 16}},
    ),
    "drain.timeoutSeconds": (
        {"drain": {"timeoutSeconds": 0}},
        {"drain": {"settle_seconds": 6, "timeout_seconds": 0}},
    ),
    "limits.bodyBytes": ({"limits": {"bodyBytes": 1024}}, {"limits": {"body_bytes": 1024}}),
    "limits.prompts": ({"limits": {"prompts": 8}}, {"limits": {"prompts": 8}}),
    "limits.promptTokens": ({"limits": {"promptTokens": 512}}, {"limits": {"prompt_tokens": 512}}),
    "limits.newTokens": ({"limits": {"newTokens": 128}}, {"limits": {"new_tokens": 128}}),
    "limits.inFlight": ({"limits": {"inFlight": 32}}, {"limits": {"in_flight": 32}}),
    "limits.queue": ({"limits": {"queue": 0}}, {"limits": {"queue": 0}}),
    "limits.queueSeconds": ({"limits": {"queueSeconds": 5}}, {"limits": {"queue_seconds": 5}}),
    "limits.answerCache": (
        {"limits": {"answerCache": {}}},
        {"answer_cache": {"bytes": 67108864, "seconds": 300}},
    ),
    "limits.answerCache.*": (
        {"limits": {"answerCache": {"bytes": 1024, "seconds": 60}}},
        {"answer_cache": {"bytes": 1024, "seconds": 60}},
    ),
    "access.keysSecretName": (
        {"access": {"keysSecretName": "team-keys"}},
        {
            "access": {
                "keys_folder": "/etc/sirocco-keys",
                "internal_key_file": "/etc/sirocco-internal/key",
            }
        },
    ),
    "access.allowedOrigins": (
        {"access": {"allowedOrigins": ["https://chat.example.com"]}},
        {"access": {"allowed_origins": ["https://chat.example.com"]}},
    ),
    "access.deniedPatterns": (
        {"access": {"deniedPatterns": [{"name": "card", "pattern": r"\d{16}"}]}},
        {"access": {"denied_patterns": [{"name": "card", "pattern": r"\d{16}"}]}},
    ),
    "tracing.endpoint": (
        {"tracing": {"endpoint": "http://collector:4317"}},
        {"tracing": {"endpoint": "http://collector:4317", "sample_ratio": 1.0}},
    ),
    "tracing.sampleRatio": (
        {"tracing": {"endpoint": "http://collector:4317", "sampleRatio": 0.1}},
        {"tracing": {"endpoint": "http://collector:4317", "sample_ratio": 0.1}},
    ),
    "tracing.headersSecretName": (
        {"tracing": {"endpoint": "http://collector:4317", "headersSecretName": "signoz"}},
        {"tracing": {"endpoint": "http://collector:4317", "sample_ratio": 1.0}},
    ),
}


def _text(**spec: Any) -> str:
    data = children(a_model(**spec))["ConfigMap"]["data"]
    assert list(data) == ["serving.json"]
    text: str = data["serving.json"]
    return text


def test_every_setting_is_written_out() -> None:
    assert json.loads(_text()) == DEFAULTS


@pytest.mark.parametrize(("spec", "change"), FIELDS.values(), ids=FIELDS.keys())
def test_a_field_changes_its_setting_and_no_other(spec: dict[str, Any], change: dict[str, Any]) -> None:
    wanted = {
        section: {**DEFAULTS[section], **change[section]} if DEFAULTS[section] else change[section]
        for section in change
    }
    assert json.loads(_text(**spec)) == {**DEFAULTS, **wanted}


@pytest.mark.parametrize(("spec", "_"), FIELDS.values(), ids=FIELDS.keys())
def test_the_serving_layer_takes_what_a_field_sets(spec: dict[str, Any], _: object) -> None:
    text = _text(**spec)
    taken = ServingSettings.model_validate_json(text)
    # No setting is left to the other side's default.
    assert taken.model_dump(mode="json") == json.loads(text)


def test_the_defaults_are_the_serving_layers_own() -> None:
    assert ServingSettings.model_validate_json(_text()) == ServingSettings(model="mistral")


@pytest.mark.parametrize(("spec", "_"), FIELDS.values(), ids=FIELDS.keys())
def test_a_changed_setting_rolls_the_pods(spec: dict[str, Any], _: object) -> None:
    assert _mounted(**spec) != _mounted()


def test_another_secret_of_keys_is_no_changed_setting() -> None:
    first, second = ({"access": {"keysSecretName": name}} for name in ("first", "second"))
    assert _mounted(**first) == _mounted(**second)


def test_the_settings_that_pods_mount_never_change() -> None:
    config_map = children(a_model())["ConfigMap"]
    assert config_map["metadata"]["name"] == _mounted()
    assert re.fullmatch(r"mistral-serving-[0-9a-f]{10}", _mounted())
    assert config_map["immutable"] is True


def _mounted(**spec: Any) -> str:
    name: str = volumes(pod(**spec))["serving"]["configMap"]["name"]
    return name
