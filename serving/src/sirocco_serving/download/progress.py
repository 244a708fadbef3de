"""`GET /progress` while a download runs, and a watch that ends a stalled download."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sirocco_serving.download.volume import Place

# Longer than the hub library's own time-outs and retries of one request.
STALLED_SECONDS = 300.0
WATCH_SECONDS = 5.0


def serve_progress(place: Place, port: int) -> ThreadingHTTPServer:
    """Answers `{"done_bytes": int, "total_bytes": int or null}` in its own thread.

    Raises OSError when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/progress":
                self.send_error(404)
                return
            total = place.total_bytes()
            done = place.done_bytes()
            body = json.dumps(
                {"done_bytes": done if total is None else min(done, total), "total_bytes": total}
            )
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Logs nothing: the operator reads the progress every few seconds."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def watch_for_stall(
    done_bytes: Callable[[], int],
    give_up: Callable[[], None],
    stalled_seconds: float = STALLED_SECONDS,
    watch_seconds: float = WATCH_SECONDS,
) -> threading.Event:
    """Calls `give_up` once `done_bytes` has not changed for `stalled_seconds`. The event ends the watch."""
    ended = threading.Event()

    def watch() -> None:
        last, still = done_bytes(), 0.0
        while not ended.wait(watch_seconds):
            now = done_bytes()
            still = still + watch_seconds if now == last else 0.0
            last = now
            if still >= stalled_seconds:
                give_up()
                return

    threading.Thread(target=watch, daemon=True).start()
    return ended
