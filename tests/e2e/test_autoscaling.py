"""Load alone changes how many pods serve, by Kubernetes' own HPA controller and the operator's figures."""

import re
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl
from tests.e2e.replicas import until_ready
from tests.e2e.scaling import PERIOD, TOKEN_SECONDS, TOKENS, autoscaling, has_figures, rise_told, wanted
from tests.kind.paths import REPOSITORY

SAMPLE: Final = REPOSITORY / "manifests" / "autoscaled.yaml"
SCALED: Final = "scaled"
FIXED: Final = "fixed"


@pytest.fixture(scope="module", autouse=True)
def sample(kubectl: Kubectl) -> Iterator[str]:
    """The sample with a real vLLM, with room for one more; it loads while other tests run."""
    manifest = models.quick(models.modest(models.sample(SAMPLE)))
    manifest["spec"]["autoscaling"]["maxReplicas"] = 2
    kubectl.apply(manifest)
    yield manifest["metadata"]["name"]
    kubectl.delete("imodel", manifest["metadata"]["name"])


@pytest.fixture(scope="module")
def scaled(kubectl: Kubectl) -> Iterator[str]:
    """A model that the HPA controller has figures of: the stand-in behind the real serving layer."""
    kubectl.apply(models.stand_in(SCALED, engine={"env": [TOKEN_SECONDS]}, autoscaling=autoscaling()))
    until_ready(kubectl, SCALED, 1)
    kubectl.until("hpa", SCALED, has_figures, "told its figures", 120)
    yield SCALED
    kubectl.delete("imodel", SCALED)


def test_load_alone_raises_and_lowers_the_count_and_fails_no_request(
    scaled: str, kubectl: Kubectl, client: Client
) -> None:
    with client.load(scaled, clients=4, tokens=TOKENS) as light:
        with client.load(scaled, clients=16, tokens=TOKENS) as heavy:
            began = time.monotonic()
            kubectl.until("deployment", scaled, lambda one: wanted(one) > 1, "told to have more pods", 120)
            waited = time.monotonic() - began
            until_ready(kubectl, scaled, 3)
        heavy.assert_no_request_failed(3)
        kubectl.until("deployment", scaled, lambda one: wanted(one) == 1, "told to have one pod", 120)
        until_ready(kubectl, scaled, 1)
    light.assert_no_request_failed(10)
    assert waited < 2 * PERIOD, f"the count rose {waited:.0f} s after the need for it"


def test_load_on_a_real_engine_raises_the_count_and_the_status_says_why(
    sample: str, kubectl: Kubectl, client: Client
) -> None:
    until_ready(kubectl, sample, 1)
    kubectl.until("hpa", sample, has_figures, "told its figures", 120)
    with client.load(sample, clients=16, tokens=TOKENS, timeout=180):
        kubectl.until("deployment", sample, lambda one: wanted(one) > 1, "told to have more pods", 120)
        told = kubectl.until("imodel", sample, rise_told, "told as scaled", 60)
    assert re.search(r"^1 → 2: \d+ in flight, target 4 a replica", told), told


def test_fixed_replicas_are_kept_when_autoscaling_takes_over(kubectl: Kubectl) -> None:
    keeping = autoscaling(maxReplicas=6, behavior={"scaleDown": {"selectPolicy": "Disabled"}})
    kubectl.apply(models.stand_in(FIXED, replicas=4))
    try:
        until_ready(kubectl, FIXED, 4)
        with kubectl.watch("deployment", FIXED) as watch:
            kubectl.patch("imodel", FIXED, {"spec": {"replicas": None, "autoscaling": keeping}})
            kubectl.until("hpa", FIXED, has_figures, "told its figures", 120)
            until_ready(kubectl, FIXED, 4)
            assert {wanted(one) for one in watch.history} == {4}
        kubectl.patch("imodel", FIXED, {"spec": {"replicas": 2, "autoscaling": None}})
        until_ready(kubectl, FIXED, 2)
        kubectl.until_gone("hpa", FIXED)
    finally:
        kubectl.delete("imodel", FIXED)
