"""The examples of docs/calling-a-model.md, run as they stand there."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.contract.issued import ALICE
from tests.contract.model import NAMES
from tests.contract.server import Server, events
from tests.kind.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "calling-a-model.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code in one language, asking our model."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [code.replace('"mistral"', f'"{NAMES[0]}"') for code in found]


def run(server: Server, *command: str) -> str:
    """What an example prints; the page says to set these variables."""
    environment = {**os.environ, "URL": server.url, "KEY": server.keys[ALICE]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


CURLS = blocks("sh")


@pytest.mark.parametrize("code", CURLS, ids=range(len(CURLS)))
def test_a_curl_of_the_page_is_answered(server: Server, code: str) -> None:
    printed = run(
        server, "bash", "-euc", code.replace("curl ", "curl --silent --show-error --fail-with-body ")
    )
    answers = events(printed) if printed.startswith("data: ") else [json.loads(printed)]
    assert answers
    assert not any("error" in event for event in answers)


def test_the_page_has_curls_that_stream_and_that_do_not() -> None:
    paths = [re.findall(r"\$URL(/\S+)", code) for code in CURLS]
    assert {path for found in paths for path in found} >= {"/generate", "/v1/chat/completions", "/v1/models"}
    assert any("--no-buffer" in code for code in CURLS)


@pytest.mark.parametrize("code", blocks("python"), ids=range(len(blocks("python"))))
def test_a_python_example_of_the_page_prints_an_answer(server: Server, code: str) -> None:
    assert run(server, sys.executable, "-c", code).strip()
