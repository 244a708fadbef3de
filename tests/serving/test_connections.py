"""What a drain does to connections, with uvicorn and the stand-in engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.container import Container, start
from tests.waiting import eventually


@pytest.fixture
def standin(images: None, tmp_path: Path) -> Iterator[Container]:
    settings = '{"drain": {"settle_seconds": 1, "timeout_seconds": 60}}'
    with start("sirocco/standin:dev", tmp_path, tmp_path, settings) as container:
        container.wait_until_ready(60)
        yield container


def test_a_stream_begun_before_the_drain_closes_its_connection_at_its_end(standin: Container) -> None:
    connection = standin.connect()
    connection.request("POST", "/generate", json.dumps({"prompt": "x", "max_tokens": 60}))
    stream = connection.getresponse()
    assert "connection" not in {name.lower() for name, _ in stream.getheaders()}
    standin.signal("SIGTERM")
    eventually(lambda: standin.ask("GET", "/v1/models").status == 503, 30, "new requests to be refused")
    assert stream.read().endswith(b"data: [DONE]\n\n")
    assert connection.sock is not None
    connection.sock.settimeout(10)
    assert connection.sock.recv(1) == b"", "the server keeps the connection"
    assert standin.wait_until_ended(30) == 0, standin.logs()


def test_the_last_request_in_flight_ends_the_drain(standin: Container) -> None:
    standin.signal("SIGTERM")
    assert standin.wait_until_ended(30) == 0, standin.logs()
