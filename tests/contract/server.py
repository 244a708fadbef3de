"""The model server that the contract's tests ask, wherever it runs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from openai import OpenAI

from tests.contract.issued import ALICE, INTERNAL
from tests.contract.model import NAMES
from tests.waiting import eventually

SECONDS = 120
# A request of this body takes its place in the engine for as long as a test may need it.
LONG = {"prompt": "Count: 1 2 3 4 5 6 7 8 9 10 11 12", "temperature": 0, "max_tokens": 1500}


def _client() -> httpx.Client:
    # A connection a request: none is half closed by a server that is about to end.
    return httpx.Client(timeout=SECONDS, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Server:
    """A ready server at `url` with the model of `tests.contract.model`; `keys` are by holder."""

    url: str
    keys: Mapping[str, str]
    log: Callable[[], str]
    client: httpx.Client = field(default_factory=_client)

    def headers(self, key: str | None, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Headers with the key of a holder, with the one that is given itself, or without any."""
        sent = {} if key is None else {"authorization": f"Bearer {self.keys.get(key, key)}"}
        return {**sent, **(headers or {})}

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = ALICE,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request with a JSON body, or without one."""
        return self.client.request(method, self.url + path, json=body, headers=self.headers(key, headers))

    def send(self, path: str, content: bytes | Iterator[bytes], key: str | None = ALICE) -> httpx.Response:
        """POST bytes that need not be JSON."""
        headers = self.headers(key, {"content-type": "application/json"})
        return self.client.post(self.url + path, content=content, headers=headers)

    @contextmanager
    def busy(self, key: str = ALICE) -> Iterator[httpx.Response]:
        """A long generation of which the first event has come; its connection is closed at the end."""
        url = self.url + "/generate"
        with self.client.stream("POST", url, json=LONG, headers=self.headers(key)) as answer:
            assert answer.status_code == 200, answer.read()
            # Kept until the end: httpx closes the connection with its iterator.
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
            yield answer

    def openai(self, key: str = ALICE, **options: Any) -> OpenAI:
        """OpenAI's own client."""
        chosen = {"timeout": SECONDS, "max_retries": 0, **options}
        return OpenAI(base_url=f"{self.url}/v1", api_key=self.keys.get(key, key), **chosen)

    def metric(self, line: str) -> float:
        """The sum of the samples whose line starts so."""
        try:
            text = self.ask("GET", "/metrics", key=INTERNAL).text
        except httpx.TransportError:
            # A busy node cuts the tests' own way into the cluster now and then; reading changes nothing.
            text = self.ask("GET", "/metrics", key=INTERNAL).text
        return sum(float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line))

    def entry(self, trace: str) -> dict[str, Any]:
        """The log's line of the request with that trace id."""

        def line() -> str | None:
            lines = self.log().splitlines()
            return next((text for text in lines if text.startswith("{") and trace in text), None)

        found = eventually(line, 30, f"the request {trace} in the log")
        assert found is not None
        return dict(json.loads(found))


def chat(content: object, **fields: object) -> dict[str, Any]:
    """A chat of one message."""
    return {"model": NAMES[0], "messages": [{"role": "user", "content": content}], **fields}


def completion(prompt: object, **fields: object) -> dict[str, Any]:
    """The body of a completion without a chat."""
    return {"model": NAMES[0], "prompt": prompt, **fields}


def error(answer: httpx.Response) -> dict[str, Any]:
    """An error's fields, once it has the one shape."""
    body = answer.json()
    assert set(body) == {"error"}, answer.text
    assert set(body["error"]) == {"message", "type", "param", "code"}, answer.text
    assert body["error"]["message"]
    return dict(body["error"])


def events(text: str) -> list[Any]:
    """The events of a whole stream, without the mark of its end."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]", lines[-1]
    return [json.loads(line) for line in lines[:-1]]
