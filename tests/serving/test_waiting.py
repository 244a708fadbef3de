"""How long a request may wait for its turn, with the stand-in engine."""

import json
from pathlib import Path
from typing import Any

from tests.serving.container import start

SETTINGS = {"limits": {"in_flight": 1, "queue": 2, "queue_seconds": 1.0}}


def test_a_request_that_waits_too_long_is_429(images: None, tmp_path: Path) -> None:
    with start("sirocco/standin:dev", tmp_path, tmp_path, json.dumps(SETTINGS)) as container:
        container.wait_until_ready(60)
        busy = container.connect()
        busy.request("POST", "/generate", json.dumps({"prompt": "x", "max_tokens": 600}))
        assert busy.getresponse().readline().startswith(b"data: ")
        answer = container.ask("POST", "/generate", {"prompt": "x", "max_tokens": 1})
        problem: Any = answer.json["error"]
        assert (answer.status, problem["code"]) == (429, "queue_timeout")
        assert int(answer.headers["retry-after"]) >= 1
        assert container.metric("sirocco_serving_requests_queued") == 0
        busy.close()
