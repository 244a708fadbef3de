"""What an Alertmanager in the cluster tells people: a webhook on this machine keeps it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Webhook(ThreadingHTTPServer):
    """Takes Alertmanager's notifications on a free port of all addresses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("", 0), _Handler)
        self.notifications: list[dict[str, Any]] = []

    def told(self, labels: dict[str, str]) -> list[str]:
        """What was told of an alert, in its order: `firing`, `resolved`."""
        return [
            alert["status"]
            for notification in self.notifications
            for alert in notification["alerts"]
            if alert["labels"].items() >= labels.items()
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.notifications.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the notifications are kept."""


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook that answers until the block ends."""
    with Webhook() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
