"""The example that answers from documents, run as its page says, over the server of docker compose."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from tests.api.processes import free_ports
from tests.compose.conftest import KEY
from tests.compose.stack import Stack
from tests.kind.paths import REPOSITORY
from tests.waiting import eventually

EXAMPLE = REPOSITORY / "examples" / "rag"
NOBODY_LISTENS = "http://127.0.0.1:9/v1"


def post(url: str, body: object) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of an answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.load(error)


@contextmanager
def service(base_url: str, **variables: str) -> Iterator[str]:
    """The example's URL while it runs."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "--factory", "service.app:create_app", "--port", str(port)]
    given = {"PATH": os.environ["PATH"], "OPENAI_BASE_URL": base_url, **variables}
    process = subprocess.Popen(
        command, cwd=EXAMPLE, env=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}"

    def listens() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                return bool(json.load(answer)["passages"])
        except OSError:
            return False

    try:
        eventually(listens, 180, "the example to listen")
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def refusing(status: int, headers: dict[str, str]) -> Iterator[str]:
    """A model server that refuses every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "2"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_a_question_is_answered_from_the_right_passage(stack: Stack) -> None:
    with service(f"http://{stack.address()}/v1", OPENAI_API_KEY=KEY) as url:
        question = {"question": "How many days of holidays do I have?"}
        status, _, told = post(f"{url}/ask", question)
        assert status == 200, told
        assert told["answer"]
        first = told["sources"][0]
        assert (first["number"], first["document"], first["section"]) == (1, "leave.md", "Holidays")
        assert "28 days" in first["text"]
        # What no passage tells of is not asked.
        _, _, nothing = post(f"{url}/ask", {"question": "Zebras?"})
        assert nothing == {"answer": "The documents do not tell.", "sources": []}


def test_a_key_that_the_model_refuses_is_the_services_fault(stack: Stack) -> None:
    with service(f"http://{stack.address()}/v1", OPENAI_API_KEY="sk-wrong") as url:
        status, _, told = post(f"{url}/ask", {"question": "How many holidays?"})
    assert (status, told) == (502, {"detail": "The model server answers 401."})


def test_a_model_that_is_busy_is_told_of_with_its_retry_after() -> None:
    with refusing(429, {"Retry-After": "1"}) as model, service(model, MODEL="any") as url:
        status, headers, _ = post(f"{url}/ask", {"question": "How many holidays?"})
    assert (status, headers["retry-after"]) == (429, "1")


def test_a_model_that_does_not_answer_is_502() -> None:
    with service(NOBODY_LISTENS, MODEL="any") as url:
        status, _, told = post(f"{url}/ask", {"question": "How many holidays?"})
    assert (status, told) == (502, {"detail": "The model server does not answer."})
