"""The body of /generate: its defaults, its forms, and how a wrong field is named."""

import json
from typing import Any

import pytest

from sirocco_serving.config import GenerationSettings, LimitSettings, Settings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.generate.requests import BatchRequest, GenerateRequest, parse

DEFAULTS = Settings()


def parse_generate(body: bytes, settings: Settings = DEFAULTS) -> GenerateRequest:
    return parse(GenerateRequest, body, settings)


def refusal(body: dict[str, Any] | bytes) -> RequestError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RequestError) as raised:
        parse_generate(raw)
    return raised.value


def test_fields_that_are_not_given_have_the_contracts_defaults() -> None:
    parsed = parse_generate(b'{"prompt": "hello"}')
    assert (parsed.temperature, parsed.top_p, parsed.max_tokens) == (0.7, 0.95, 256)
    assert (parsed.stop, parsed.seed, parsed.frequency_penalty, parsed.presence_penalty) == ([], None, 0, 0)


def test_the_models_settings_fill_up_what_is_not_given() -> None:
    settings = Settings(generation=GenerationSettings(temperature=0.1, top_p=0.5, max_tokens=9))
    parsed = parse_generate(b'{"prompt": "hello", "top_p": 0.6}', settings)
    assert (parsed.temperature, parsed.top_p, parsed.max_tokens) == (0.1, 0.6, 9)
    batch = parse(BatchRequest, b'{"prompts": ["hello"]}', settings)
    assert (batch.temperature, batch.top_p, batch.max_tokens) == (0.1, 0.5, 9)


def test_the_default_of_new_tokens_stays_below_their_limit() -> None:
    settings = Settings(limits=LimitSettings(new_tokens=16))
    assert parse_generate(b'{"prompt": "hello"}', settings).max_tokens == 16


def test_a_body_that_was_parsed_before_is_held_to_the_same_rules() -> None:
    assert parse(GenerateRequest, {"prompt": "hello", "top_p": 1}, DEFAULTS).top_p == 1
    with pytest.raises(RequestError) as raised:
        parse(GenerateRequest, {"prompt": "hello", "top_p": "1"}, DEFAULTS)
    assert (raised.value.status, raised.value.param) == (422, "top_p")


@pytest.mark.parametrize("body", [b'{"prompt": "\\ud800"}', {"prompt": "\ud800"}])
def test_text_that_is_no_unicode_is_refused(body: Any) -> None:
    with pytest.raises(RequestError):
        parse(GenerateRequest, body, DEFAULTS)


def test_one_prompt_is_streamed_unless_stream_is_false() -> None:
    assert parse_generate(b'{"prompt": "hello"}').streamed()
    assert not parse_generate(b'{"prompt": "hello", "stream": false}').streamed()
    assert not parse_generate(b'{"prompts": ["hello"]}').streamed()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", "0.7"),
        ("top_p", 0),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("max_tokens", 2**31),
        ("stop", ""),
        ("seed", 2**63),
        ("frequency_penalty", -2.5),
        ("presence_penalty", 3),
        ("stream", "yes"),
        ("temprature", 1),
    ],
)
def test_a_value_outside_the_range_is_422_with_the_field_named(field: str, value: Any) -> None:
    error = refusal({"prompt": "hello", field: value})
    assert (error.status, error.param) == (422, field)
    assert error.message.startswith(f"{field}: ")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    parsed = parse_generate(b'{"prompt": "hello", "max_tokens": 5.0, "seed": -7.0}')
    assert (parsed.max_tokens, parsed.seed) == (5, -7)


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    assert "max_tokens" in refusal({"prompt": "hello", "max_token": 3}).message


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": "a", "prompts": ["b"]},
        {"prompts": []},
        {"prompt": ""},
        {"prompts": ["a"], "stream": True},
    ],
)
def test_a_body_without_exactly_one_form_is_422(body: dict[str, Any]) -> None:
    assert refusal(body).status == 422


def test_what_is_not_json_is_400() -> None:
    error = refusal(b"{prompt")
    assert (error.status, error.code) == (400, "invalid_json")


def test_a_refused_value_is_not_repeated() -> None:
    assert "my secret prompt" not in refusal({"prompt": ["my secret prompt"]}).message
