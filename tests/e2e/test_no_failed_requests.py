"""Pods come and go under constant load, and no client notices."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl
from tests.e2e.replicas import roll_out, until_ready

PAIR: Final = "pair"
# 32 tokens in a streamed answer: 1.6 seconds each, so that streams are under way whenever a pod goes.
TOKEN_SECONDS: Final = {"name": "STANDIN_TOKEN_SECONDS", "value": "0.05"}
EACH: Final = 15


@pytest.fixture(scope="module")
def pair(kubectl: Kubectl) -> Iterator[str]:
    """A model of two replicas, each the stand-in engine behind the real serving layer."""
    kubectl.apply(models.stand_in(PAIR, replicas=2, engine={"env": [TOKEN_SECONDS]}))
    yield PAIR
    kubectl.delete("imodel", PAIR)


def serving_with_two(kubectl: Kubectl, name: str) -> None:
    """Bring the model to two replicas, whatever a test before has made of it."""
    kubectl.run("scale", "imodel", name, "--replicas=2")
    until_ready(kubectl, name, 2)


def test_rolling_update(pair: str, kubectl: Kubectl, client: Client) -> None:
    serving_with_two(kubectl, pair)
    with client.load(pair) as load:
        roll_out(kubectl, pair, 2)
    load.assert_no_request_failed(EACH)


def test_eviction(pair: str, kubectl: Kubectl, client: Client) -> None:
    serving_with_two(kubectl, pair)
    evicted = kubectl.list("pods", models.of(pair))[0]["metadata"]["name"]
    with client.load(pair) as load:
        kubectl.evict(evicted)
        kubectl.until_gone("pod", evicted)
        until_ready(kubectl, pair, 2)
    load.assert_no_request_failed(EACH)


def test_scale_down(pair: str, kubectl: Kubectl, client: Client) -> None:
    serving_with_two(kubectl, pair)
    with client.load(pair) as load:
        kubectl.run("scale", "imodel", pair, "--replicas=1")
        until_ready(kubectl, pair, 1)
    load.assert_no_request_failed(EACH)
