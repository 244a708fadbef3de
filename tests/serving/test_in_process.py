"""`VLLMClient` with a real vLLM on the CPU: one engine, asked by `in_process.py` as strictly as in a pod."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kind import docker
from tests.serving.container import ENVIRONMENT, USER

SCRIPT = Path(__file__).with_name("in_process.py")


@pytest.fixture(scope="module")
def answers(model: Path) -> dict[str, Any]:
    """What the client answered, by what was asked."""
    command = ["run", "--rm", "--read-only", "--user", USER, "--cap-drop", "ALL", "--network", "none"]
    command += ["--security-opt", "no-new-privileges", "--shm-size", "1g"]
    command += ["--tmpfs", "/tmp", "--tmpfs", "/cache:mode=1777,exec"]  # noqa: S108
    command += ["--volume", f"{model}:/model:ro", "--volume", f"{SCRIPT}:/in_process.py:ro"]
    for name, value in ENVIRONMENT.items():
        if name != "SIROCCO_SERVING_CONFIG":
            command += ["--env", f"{name}={value}"]
    command += ["--entrypoint", "python3", "sirocco/serving-cpu:dev", "/in_process.py", "/model"]
    printed = docker.docker(*command, seconds=400)
    (line,) = [text for text in printed.splitlines() if text.startswith("ANSWERS ")]
    return dict(json.loads(line.removeprefix("ANSWERS ")))


def test_a_conversation_is_answered_in_the_models_template(answers: dict[str, Any]) -> None:
    assert answers["chat"].startswith("The capital of France is Paris.")


def test_conversations_are_answered_together(answers: dict[str, Any]) -> None:
    france, italy = answers["chats"]
    assert france == answers["chat"]
    assert "Italy" in italy


def test_streams_come_in_pieces_and_say_the_same(answers: dict[str, Any]) -> None:
    for streamed, whole in (("chat_stream", "chat"), ("stream", "completion")):
        assert len(answers[streamed]) > 1
        assert "".join(answers[streamed]) == answers[whole]


def test_prompts_are_continued_in_their_order(answers: dict[str, Any]) -> None:
    assert "Paris" in answers["completion"]
    assert answers["completions"][0] == answers["completion"]
    assert answers["completions"][1] != answers["completion"]


def test_a_stream_that_is_left_leaves_the_engine_to_others(answers: dict[str, Any]) -> None:
    assert len(answers["left_stream"]) == 2
    assert answers["after"] == answers["completion"]


def test_a_seed_gives_the_same_text_again(answers: dict[str, Any]) -> None:
    first, second = answers["seeded"]
    assert first == second


def test_stop_ends_the_text(answers: dict[str, Any]) -> None:
    assert answers["stopped"] == "The capital of France is "


def test_a_prompt_that_is_too_long_is_refused_with_the_limit(answers: dict[str, Any]) -> None:
    assert "512" in answers["refused"]
