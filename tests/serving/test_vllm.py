"""How a real vLLM with our layer starts, changes its keys and ends. The last test stops the server."""

import json
import re
from itertools import product

import pytest

from tests.contract.issued import ALICE
from tests.contract.routes import METHODS, OPEN
from tests.contract.server import LONG, Server, completion
from tests.kind import docker
from tests.serving.conftest import KeysFolder
from tests.serving.container import Answer, Container
from tests.waiting import eventually

# Builds vLLM's app as the server does, and tells all that it would look for a request in.
ROUTES = """
import json
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = make_arg_parser(FlexibleArgumentParser())
app = build_app(parser.parse_args(["--model", "/model", "--disable-fastapi-docs"]), ("generate",))
print(json.dumps([route.path for route in app.routes]))
"""


def test_nothing_is_answered_before_the_engine_has_generated(container: Container) -> None:
    assert container.early == []
    generated = re.search(r"^vllm:generation_tokens_total\S* (\S+)", container.first_metrics, re.MULTILINE)
    assert generated, container.first_metrics
    assert float(generated.group(1)) >= 1


def test_what_vllm_does_not_list_at_its_start_is_closed_too(container: Container, server: Server) -> None:
    printed = docker.docker("exec", container.name, "python3", "-c", ROUTES, seconds=180)
    found = json.loads(printed.splitlines()[-1])
    assert len(found) > 20
    closed = {re.sub(r"\{[^}]*\}", "x", path) for path in found} - OPEN
    for path, method in product(sorted(closed), METHODS):
        assert server.ask(method, path).status_code == 404, (method, path)


def test_a_key_that_is_replaced_opens_no_more_and_its_successor_does(
    server: Server, keys_folder: KeysFolder
) -> None:
    old = keys_folder.issue("dave")

    def status(key: str) -> int:
        return server.ask("GET", "/v1/models", key=key).status_code

    eventually(lambda: status(old) == 200, 30, "the added key to open")
    new = keys_folder.issue("dave")
    eventually(lambda: status(new) == 200, 30, "its successor to open")
    assert status(old) == 401
    (keys_folder.path / "dave").unlink()
    eventually(lambda: status(new) == 401, 30, "the revoked key to be refused")


@pytest.mark.parametrize(
    "fields", [{"logprobs": 2}, {"use_beam_search": True, "n": 2}, {"prompt_logprobs": 1}, {"echo": True}]
)
def test_no_field_of_a_request_ends_the_engine(server: Server, fields: dict[str, object]) -> None:
    answer = server.ask("POST", "/v1/completions", completion("x", max_tokens=2, **fields))
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"]
    assert server.ask("GET", "/live").status_code == 200


def test_sigterm_lets_a_stream_finish_and_turns_new_requests_away(
    container: Container, server: Server
) -> None:
    headers = server.headers(ALICE)
    connection = container.connect(300)
    connection.request("POST", "/generate", json.dumps({**LONG, "max_tokens": 300}), headers)
    stream = connection.getresponse()
    assert stream.readline().startswith(b"data: ")
    container.signal("SIGTERM")

    def models() -> Answer:
        return container.ask("GET", "/v1/models", headers=headers)

    eventually(lambda: container.ask("GET", "/ready").status == 503, 10, "readiness to end")
    settling = models()
    assert (settling.status, settling.headers.get("connection")) == (200, "close")

    def refused() -> Answer | None:
        answer = models()
        return answer if answer.status == 503 else None

    answer = eventually(refused, 20, "new requests to be refused")
    assert answer is not None
    assert answer.headers["retry-after"] == "1"
    assert answer.json["error"]
    assert container.ask("GET", "/live").status == 200

    *_, last, _ = [line for line in stream.read().decode().split("\n\n") if line]
    assert json.loads(last.removeprefix("data: "))["usage"]["completion_tokens"] > 100
    connection.close()
    assert container.wait_until_ended(60) == 0, container.logs()
