"""The contract of a real vLLM with keys on, as far as its way through the cluster could change it."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.contract import every_test
from tests.contract.issued import HOLDERS, INTERNAL, issue
from tests.contract.model import manifest
from tests.contract.server import Server
from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl
from tests.e2e.relay import relayed
from tests.waiting import eventually

NAME: Final = "contract"
REPLACED: Final = "dave"
# The kubelet brings a Secret's change to a pod within a minute and a half.
KUBELET_SECONDS: Final = 180

# Streams and connections that end early, through kube-proxy; keys, rates and settings as the kubelet brings
# them; the log as kubectl shows it. tests/serving asks for the rest, of a container.
ASKED: Final = (
    *("test_a_curl_of_the_page_is_answered", "test_generate_gives_a_stream_as_it_comes"),
    *("test_openai_chat_answers", "test_openai_chat_streams_and_tells_its_usage"),
    *("test_openai_models_are_the_served_names", "test_every_route_of_the_contract_is_there"),
    *("test_probes_need_no_key", "test_a_key_for_another_name_of_the_model_is_403"),
    *("test_metrics_are_for_the_internal_key_alone", "test_tokens_a_minute_are_charged_after_the_answer"),
    *("test_one_holders_rate_is_not_anothers", "test_openai_reads_how_long_to_wait_after_a_rate_limit"),
    *("test_a_request_that_names_none_takes_the_models_sampling", "test_denied_prompts_are_counted_by_rule"),
    *("test_a_chat_that_names_no_length_ends_at_the_limit", "test_a_long_body_is_413"),
    "test_beyond_the_limit_requests_wait_and_beyond_the_queue_they_are_429",
    "test_a_client_that_leaves_aborts_its_generation_and_gives_its_place_back",
    "test_a_client_that_leaves_the_queue_gives_its_place_back",
    "test_a_deterministic_request_is_answered_from_memory_the_second_time",
    "test_pages_of_allowed_origins_may_read_every_answer",
    *("test_a_web_socket_is_404", "test_vllms_own_routes_are_there_for_the_internal_key"),
    *("test_requests_and_tokens_are_counted_by_the_keys_name", "test_a_request_is_one_line_of_the_log"),
    "test_no_key_and_no_text_is_in_the_log_or_the_metrics",
)
_TESTS: Final = every_test()

vars().update({name: _TESTS[name] for name in ASKED})


@dataclass(frozen=True)
class Replaced:
    """A key, and the one that was made in its place."""

    old: str
    new: str


def let_in(kubectl: Kubectl, name: str, *options: str) -> str:
    """Make a key and apply its entry, as the command says to; returns the key."""
    issued = issue(name, *options)
    apply = ["apply", "--server-side", "--force-conflicts", f"--field-manager=sirocco-key-{name}"]
    kubectl.run(*apply, "--filename", "-", stdin=issued.manifest)
    return issued.key


def pod(kubectl: Kubectl) -> dict[str, Any]:
    """The model's only pod."""
    (found,) = kubectl.list("pods", models.of(NAME))
    return found


@pytest.fixture(scope="module")
def keys(kubectl: Kubectl) -> dict[str, str]:
    """The keys that the model knows from its start, by their holders."""
    holders = {**HOLDERS, REPLACED: ()}
    return {name: let_in(kubectl, name, *options) for name, options in holders.items()}


@pytest.fixture(scope="module")
def server(kubectl: Kubectl, client: Client, keys: dict[str, str]) -> Iterator[Server]:
    """The model, ready, on a port of this machine that leads to its Service."""
    kubectl.apply(models.quick(manifest(NAME, kubectl.namespace)))
    kubectl.until("imodel", NAME, lambda one: models.reason(one) == "Ready", "ready", 600)
    secret = kubectl.get("secret", f"{NAME}-{INTERNAL}")
    assert secret
    internal = base64.b64decode(secret["data"]["key"]).decode()
    name = pod(kubectl)["metadata"]["name"]
    with relayed(client, f"{NAME}.{kubectl.namespace}.svc") as url:
        yield Server(url, {**keys, INTERNAL: internal}, lambda: kubectl.logs(name))
    kubectl.delete("imodel", NAME)


@pytest.fixture(scope="module", autouse=True)
def replaced(kubectl: Kubectl, keys: dict[str, str], server: Server) -> Replaced:
    """A key that is replaced while the other tests run: the kubelet takes about a minute to tell the pod."""
    old = keys[REPLACED]
    assert server.ask("GET", "/v1/models", key=old).status_code == 200
    return Replaced(old, let_in(kubectl, REPLACED))


def test_the_status_says_that_keys_are_asked_for(server: Server, kubectl: Kubectl) -> None:
    model = kubectl.get("imodel", NAME)
    assert model
    assert model["status"]["access"] == "Keys"


def test_a_replaced_key_opens_no_more_and_its_successor_does_without_a_restart(
    server: Server, replaced: Replaced, kubectl: Kubectl
) -> None:
    before = pod(kubectl)["metadata"]["uid"]

    def status(key: str) -> int:
        return server.ask("GET", "/v1/models", key=key).status_code

    eventually(lambda: status(replaced.new) == 200, KUBELET_SECONDS, "the new key to open", interval=1)
    assert status(replaced.old) == 401
    found = pod(kubectl)
    assert found["metadata"]["uid"] == before
    assert [one["restartCount"] for one in found["status"]["containerStatuses"]] == [0]
