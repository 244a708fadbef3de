"""A Hugging Face hub on this machine, as far as huggingface_hub asks it for a model."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


@dataclass
class FakeHub:
    """One repository, `org/name`; what it saw is in `requests`, as `METHOD path` with the Range asked for."""

    files: Mapping[str, bytes]
    url: str = ""
    refusal: tuple[int, str] | None = None
    """Status and X-Error-Code for every request."""
    break_after: int | None = None
    """Bytes of a file after which the connection is cut, once."""
    down_after_break: bool = False
    """Whether every request after that is answered 500."""
    seconds_a_block: float = 0.0
    """Pause before each MiB of a file."""
    claimed_size: int | None = None
    """What the listing says of each file's size."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    def size(self, data: bytes) -> int:
        """A file's size in the listings."""
        return len(data) if self.claimed_size is None else self.claimed_size

    def downloads(self, path: str) -> list[str | None]:
        """The ranges in which a file's content was asked for."""
        return [wanted for line, wanted in self.requests if line == f"GET /org/name/resolve/{COMMIT}/{path}"]


@contextmanager
def running(files: Mapping[str, bytes], address: str = "127.0.0.1", **behaviour: object) -> Iterator[FakeHub]:
    """Serves the files at an address of this machine until the block ends."""
    hub = FakeHub(files, **behaviour)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.requests.append((f"{self.command} {path}", self.headers.get("Range")))
            hub.tokens.add(self.headers.get("Authorization", ""))
            if hub.refusal is not None:
                status, code = hub.refusal
                self._send(status, {"X-Error-Code": code, "X-Error-Message": "refused"}, b"{}")
            elif path.startswith("/api/models/org/name"):
                siblings = [{"rfilename": name, "size": hub.size(data)} for name, data in hub.files.items()]
                self._json({"id": "org/name", "sha": COMMIT, "siblings": siblings, "private": False})
            elif path.startswith(f"/org/name/resolve/{COMMIT}/"):
                self._file(hub.files[path.removeprefix(f"/org/name/resolve/{COMMIT}/")])
            else:
                self._send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")

        def _json(self, data: object) -> None:
            self._send(200, {"Content-Type": "application/json"}, json.dumps(data).encode())

        def _file(self, data: bytes) -> None:
            headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            wanted, status, content = self.headers.get("Range"), 200, data
            if wanted is not None:
                first = int(wanted.removeprefix("bytes=").partition("-")[0])
                status, content = 206, data[first:]
                headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            cut = hub.break_after
            if cut is not None and len(content) > cut:
                hub.break_after = None
                if hub.down_after_break:
                    hub.refusal = (500, "")
            self._head(status, headers, len(content))
            self._paced(content[:cut])
            if cut is not None:
                self.close_connection = True

        def _paced(self, content: bytes) -> None:
            for first in range(0, len(content), 2**20):
                hub.ended.wait(hub.seconds_a_block)
                self.wfile.write(content[first : first + 2**20])

        def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self._head(status, headers, len(content))
            self.wfile.write(content)

        def _head(self, status: int, headers: Mapping[str, str], length: int) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing; `requests` has it."""

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://{address}:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        server.server_close()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
