"""How the server ends. Nothing of the session comes after this."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

from tests.compose.conftest import KEY
from tests.compose.stack import Stack

LONG = {"prompt": "Count: 1 2 3 4 5 6 7 8 9 10 11 12", "temperature": 0, "max_tokens": 300}


def test_stop_lets_a_request_in_flight_finish(stack: Stack) -> None:
    connection = http.client.HTTPConnection(stack.address(), timeout=120)
    connection.request("POST", "/generate", json.dumps(LONG), {"Authorization": f"Bearer {KEY}"})
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: ")
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(stack.compose, "stop", seconds=180)
        rest = answer.read().decode()
        assert stopped.result().returncode == 0
    assert rest.endswith("data: [DONE]\n\n")
    assert '"completion_tokens":300' in rest
    assert stack.inspect()["State"]["ExitCode"] == 0
