"""The contract, asked of a real vLLM with keys on, through its Service."""

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

vars().update(every_test())


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
    kubectl.apply(manifest(NAME, kubectl.namespace))
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
