"""Only the contract's routes are open, whatever this vLLM registers besides."""

import re
from itertools import product

import httpx
import pytest

from sirocco_serving.request.paths import PATHS
from tests.contract import issued
from tests.contract.model import NAMES
from tests.contract.server import Server, error

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# As the contract has them.
OPEN = {
    *("/v1/chat/completions", "/v1/completions", "/v1/models", "/generate", "/generate/batch"),
    *("/health", "/ready", "/live", "/metrics", "/openapi.json"),
}
# Such that other versions or settings of vLLM have.
ELSEWHERE = {
    *("/invocations", "/tokenize", "/detokenize", "/scale_elastic_ep", "/is_scaling_elastic_ep", "/docs"),
    *("/redoc", "/server_info", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/responses"),
    *("/v1/embeddings", "/pooling", "/score", "/rerank", "/classify", "/ping", "/version", "/load", "/sleep"),
    *("/wake_up", "/reset_prefix_cache", "/collective_rpc", "/generative_scoring", "/"),
}


def registered(log: str) -> set[str]:
    """The paths that vLLM says it serves, each with something in place of its parameters."""
    return {re.sub(r"\{[^}]*\}", "x", path) for path in re.findall(r"Route: (\S+?),", log)}


def statuses(server: Server, paths: set[str], key: str | None) -> dict[str, int]:
    """What each method on each path is answered with, on one connection."""
    with httpx.Client(base_url=server.url, headers=server.headers(key), timeout=60) as client:
        return {
            f"{method} {path}": client.request(method, path).status_code
            for path, method in product(sorted(paths), METHODS)
        }


def test_the_open_paths_are_the_contracts() -> None:
    assert PATHS == OPEN


def test_every_route_of_the_contract_is_there(server: Server) -> None:
    assert registered(server.log()) >= OPEN


@pytest.mark.parametrize("key", [None, issued.ALICE])
def test_every_other_route_is_404_with_every_method(server: Server, key: str | None) -> None:
    found = registered(server.log())
    assert {"/tokenize", "/invocations", "/scale_elastic_ep"} <= found
    answered = statuses(server, (found | ELSEWHERE) - OPEN, key)
    assert {route: status for route, status in answered.items() if status != 404} == {}


@pytest.mark.parametrize(
    "path",
    [
        "/generate/",
        "//invocations",
        "/%69nvocations",
        "/v1/models/../../invocations",
        "/V1/Models",
        "/metrics/",
    ],
)
def test_another_spelling_of_a_path_opens_nothing(server: Server, path: str) -> None:
    answer = server.ask("POST", path, {})
    assert (answer.status_code, error(answer)["code"]) == (404, "not_found")


def test_a_web_socket_is_404(server: Server) -> None:
    handshake = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for path in ("/v1/realtime", "/generate"):
        answer = server.ask("GET", path, headers=handshake)
        assert (answer.status_code, error(answer)["code"]) == (404, "not_found"), path


def test_vllms_own_routes_are_there_for_the_internal_key(server: Server) -> None:
    body = {"model": NAMES[0], "prompt": "Hello"}
    answer = server.ask("POST", "/tokenize", body, key=issued.INTERNAL)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tokens"]


def test_a_method_that_is_not_there_is_405(server: Server) -> None:
    for path in sorted(OPEN - {"/metrics"}):
        answer = server.ask("DELETE", path)
        assert (answer.status_code, error(answer)["code"]) == (405, "method_not_allowed"), path
        assert answer.headers["allow"]
