"""The forms of messages that Mistral's client sends, taken as they are, streamed and not."""

import json
from typing import Any

import pytest

from tests.contract.model import NAMES
from tests.contract.server import Server, error, events

CHAT = "/v1/chat/completions"
# What Mistral's client sends with every request.
SENT = {"stream": False, "safe_prompt": False, "random_seed": 7}
TOOL = {
    "type": "function",
    "function": {
        "name": "capital",
        "description": "The capital of a country.",
        "parameters": {"type": "object", "properties": {"country": {"type": "string"}}},
    },
}
CALL = {"name": "capital", "arguments": '{"country": "France"}'}


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


QUESTION = "What is the capital of France?"
CALLED: list[dict[str, object]] = [
    user(QUESTION),
    {
        "role": "assistant",
        "content": "",
        "prefix": False,
        "tool_calls": [{"id": "D681PevKs", "type": "function", "index": 0, "function": CALL}],
    },
    {"role": "tool", "name": "capital", "content": "Paris", "tool_call_id": "D681PevKs"},
]
FORMS: dict[str, list[dict[str, object]]] = {
    "text": [user(QUESTION)],
    "chunks": [user([text("What is the capital"), text("of France?")])],
    "system": [{"role": "system", "content": "Be short."}, user(QUESTION)],
    "system chunks": [{"role": "system", "content": [text("Be short.")]}, user([text(QUESTION)])],
    "turns": [
        user("Hello"),
        {"role": "assistant", "content": "Hello! What would you like to know?", "prefix": False},
        user(QUESTION),
    ],
    "assistant chunks": [
        user("Hello"),
        {"role": "assistant", "content": [text("Hello!")], "tool_calls": None, "prefix": False},
        user(QUESTION),
    ],
    "tool": CALLED,
    "tool chunks": [*CALLED[:2], {**CALLED[2], "content": [text("Paris")]}],
}


def body(messages: list[dict[str, object]], **fields: object) -> dict[str, Any]:
    return {"model": NAMES[0], "messages": messages, "temperature": 0, "max_tokens": 16, **SENT, **fields}


@pytest.mark.parametrize("form", FORMS)
def test_mistrals_messages_are_answered(server: Server, form: str) -> None:
    answer = server.ask("POST", CHAT, body(FORMS[form]))
    assert answer.status_code == 200, answer.text
    completion = answer.json()
    # What Mistral's client reads.
    assert {"id", "object", "model", "usage", "created", "choices"} <= set(completion)
    (choice,) = completion["choices"]
    assert choice["message"]["role"] == "assistant"
    assert "Paris" in choice["message"]["content"]
    assert choice["finish_reason"] in {"stop", "length"}


@pytest.mark.parametrize("form", FORMS)
def test_mistrals_messages_are_answered_as_a_stream(server: Server, form: str) -> None:
    answer = server.ask("POST", CHAT, body(FORMS[form], stream=True), headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    chunks = events(answer.text)
    said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "Paris" in "".join(said)
    assert len(said) > 2
    assert all({"id", "model", "choices"} <= set(chunk) for chunk in chunks)


def test_chunks_of_a_message_are_its_lines(server: Server) -> None:
    lines = body([user("one\ntwo")], max_tokens=1)
    chunks = body([user([text("one"), text("two")])], max_tokens=1)
    tokens = [server.ask("POST", CHAT, sent).json()["usage"]["prompt_tokens"] for sent in (lines, chunks)]
    assert tokens[0] == tokens[1]


def test_a_prefix_is_gone_on_with_when_asked_in_vllms_words(server: Server) -> None:
    begun = [user(QUESTION), {"role": "assistant", "content": "Monsieur, la capitale est", "prefix": True}]
    words = {"add_generation_prompt": False, "continue_final_message": True}

    def tokens(**fields: object) -> int:
        answer = server.ask("POST", CHAT, body(begun, max_tokens=4, **fields))
        assert answer.status_code == 200, answer.text
        return int(answer.json()["usage"]["prompt_tokens"])

    # Without the end of the message and the beginning of another one.
    assert tokens(**words) < tokens()


def test_mistrals_seed_is_not_vllms(server: Server) -> None:
    def said(**fields: object) -> str:
        sent = {**body([user("Tell a story.")], stream=True, temperature=2, max_tokens=24), **fields}
        return json.dumps([chunk["choices"] for chunk in events(server.ask("POST", CHAT, sent).text)])

    assert said(random_seed=7) != said(random_seed=7)
    assert said(seed=7) == said(seed=7)


REFUSED: dict[str, list[dict[str, object]]] = {
    "arguments as an object": [
        user(QUESTION),
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "D681PevKs",
                    "type": "function",
                    "index": 0,
                    "function": {**CALL, "arguments": {"country": "France"}},
                }
            ],
        },
        CALLED[2],
    ],
    "document": [user([{"type": "document_url", "document_url": "https://docs.example/a.pdf"}])],
    "reference": [user([{"type": "reference", "reference_ids": [1]}, text(QUESTION)])],
}


@pytest.mark.parametrize("form", REFUSED)
def test_forms_of_mistrals_that_vllm_lacks_are_refused(server: Server, form: str) -> None:
    answer = server.ask("POST", CHAT, body(REFUSED[form]))
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request"), answer.text


def test_tools_that_are_not_to_be_called_are_taken(server: Server) -> None:
    sent = body([user("Hi")], tools=[TOOL], tool_choice="none")
    answer = server.ask("POST", CHAT, sent)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fields", "param"), [({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"), ({"tools": [TOOL]}, None)]
)
def test_tool_choices_that_vllm_lacks_are_refused(
    server: Server, fields: dict[str, object], param: str | None
) -> None:
    answer = server.ask("POST", CHAT, body([user("Hi")], **fields))
    problem = error(answer)
    assert (answer.status_code, problem["code"], problem["param"]) == (400, "invalid_request", param), (
        answer.text
    )
