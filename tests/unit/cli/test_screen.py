"""The screen of `sirocco explain`, from objects as a cluster writes them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sirocco_operator.cli.evidence import Evidence, LogLines
from sirocco_operator.cli.screen import WIDTH, screen
from sirocco_operator.status.observed import Observed
from tests.unit.status import cluster

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 20, 55, tzinfo=UTC)
CRASH = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB with hf_abcdefghijklmnopqrst"
)


def lease(holder: str = "operator-0", renewed: str = "2026-11-23T20:54:55.000000Z") -> dict[str, Any]:
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}}


def status(
    reason: str = "OutOfGPUMemory", message: str = "the GPU is full", generation: int = 3
) -> dict[str, Any]:
    """A status with a condition of a type that this program does not know."""
    condition = {
        "type": "Surprising",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-23T20:50:00Z",
    }
    return {
        "observedGeneration": generation,
        "reason": reason,
        "message": message,
        "conditions": [condition],
    }


def evidence(*pods: dict[str, Any], told: dict[str, Any] | None = None, **more: Any) -> Evidence:
    """What is read of the model mistral with these pods and this status."""
    model = cluster.model()
    raw = {
        "metadata": {
            "name": "mistral",
            "namespace": "default",
            "generation": 3,
            "creationTimestamp": cluster.CREATED,
        },
        "spec": {"model": {"uri": "hf://mistralai/Mistral-7B"}},
        "status": status() if told is None else told,
    }
    more = {"observed": Observed(deployment=cluster.deployment(), pods=pods), "lease": lease(), **more}
    more = {"lease_of": "sirocco-system/sirocco-operator", **more}
    return Evidence(raw, model, "", **more)


def shown(of: Evidence) -> str:
    return screen(of, NOW)


def test_the_chain_of_evidence_is_on_one_screen() -> None:
    pod = cluster.crashed(cluster.pod(cluster.model()), CRASH)
    name = pod["metadata"]["name"]
    event = cluster.event(pod, "BackOff", "Back-off restarting failed container") | {"type": "Warning"}
    logs = [LogLines(name, "vllm", True, ["torch.OutOfMemoryError: CUDA out of memory"])]

    text = shown(evidence(pod, events=[event], logs=logs))

    assert (
        text
        == f"""\
InferenceModel default/mistral, generation 3, 5m old, hf://mistralai/Mistral-7B

  OutOfGPUMemory: the GPU is full

CONDITIONS
  TYPE        STATUS  REASON          SINCE  MESSAGE
  Surprising  True    OutOfGPUMemory  5m     as above

PODS
  NAME                      REVISION    NODE        PHASE    READY  RESTARTS  AGE  WAITS
  {name}  7f99ff5f67  gpu-node-1  Pending  no     1         5m   vllm: CrashLoopBackOff

LAST TERMINATIONS
  {name} vllm: exit code 1 (Error), 4m ago
    torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB with ***

EVENTS
  AGE  TYPE     OF   REASON   MESSAGE
  4m   Warning  Pod  BackOff  Back-off restarting failed container

LOG LINES
  {name} vllm, the run before:
    torch.OutOfMemoryError: CUDA out of memory

WHAT TO DO
  The GPU's memory ran out. Raise tensorParallel, lower engine.maxModelLen, engine.maxNumSeqs or
  engine.gpuMemoryUtilization, or choose quantized weights.
  kubectl describe imodel -n default mistral
  kubectl describe pod -n default {name}
  kubectl logs -n default {name} -c vllm --previous
"""
    )
    assert len(text.splitlines()) < 50
    assert all(len(line) <= 2 * WIDTH for line in text.splitlines())


def test_without_a_leader_the_reason_is_found_by_the_same_rules() -> None:
    pod = cluster.crashed(cluster.pod(cluster.model()), CRASH)
    old = lease(renewed="2026-11-23T20:40:00.000000Z")

    text = shown(evidence(pod, told=status("Ready", "1 of 1 replicas serve"), lease=old))

    assert "  OutOfGPUMemory: the engine ended; vLLM says: torch.OutOfMemoryError" in text
    assert "! No operator leads: operator-0 renewed the Lease sirocco-system/sirocco-operator 15m ago" in text
    assert "kubectl get lease,pods -n sirocco-system" in text


def test_a_lease_that_nobody_holds_is_told() -> None:
    assert "! No operator leads: nobody holds the Lease" in shown(evidence(lease=lease(holder="")))


def test_an_operator_that_is_not_there_is_told() -> None:
    assert "! No operator runs: there is no Lease sirocco-system/sirocco-operator" in shown(
        evidence(lease=None)
    )


def test_the_operator_of_another_release_is_looked_for_where_it_runs() -> None:
    text = shown(evidence(lease=lease(holder=""), lease_of="team/llm-operator"))

    assert "nobody holds the Lease team/llm-operator; see `kubectl get pods -n team`" in text
    assert "kubectl get lease,pods -n team" in text


def test_a_lease_that_may_not_be_read_is_no_sign_of_a_missing_operator() -> None:
    note = "the leases in sirocco-system may not be read with these credentials"

    text = shown(evidence(lease=None, unread=[note]))

    assert "No operator" not in text
    assert f"NOT SEEN\n  {note}" in text


def test_a_status_of_an_older_generation_is_told() -> None:
    pod = cluster.unscheduled(cluster.model(), "0/1 nodes are available: 1 Insufficient memory.")

    text = shown(evidence(pod, told=status("Ready", "1 of 1 replicas serve", generation=2)))

    assert (
        "! The status is of generation 2, the model of generation 3: the last change is not handled." in text
    )
    assert "  Unschedulable: no node takes the pod" in text


def test_a_model_without_a_status_is_explained() -> None:
    for told in ({}, {"observedGeneration": -1}):
        text = shown(evidence(told=told))

        assert "! The model has no status yet: the operator has not handled it." in text
        assert "  Starting: " in text


def test_trouble_that_the_status_does_not_tell_is_shown_beside_it() -> None:
    pod = cluster.crashed(cluster.pod(cluster.model()), CRASH)

    text = shown(evidence(pod, told=status("Loading", "the engine loads")))

    assert "  Loading: the engine loads\n" in text
    assert "! Seen now: OutOfGPUMemory: " in text


def test_what_only_the_operator_can_know_is_not_contradicted() -> None:
    refused = status("ChildRejected", "the API server refuses the Deployment mistral")

    assert "Seen now" not in shown(evidence(told=refused))
    retried = cluster.with_container(
        cluster.pod(cluster.model()),
        "download",
        {"running": {"startedAt": cluster.CREATED}},
        cluster.end("sirocco download: no-network: no answer"),
    )
    assert "Seen now" not in shown(evidence(retried, told=status("Downloading", "the pod downloads")))


def test_a_resource_that_does_not_parse_is_explained() -> None:
    of = evidence(told={})
    broken = Evidence(
        of.raw, None, "spec.replicas: must be a number", of.observed, lease_of=of.lease_of, lease=of.lease
    )

    assert "  InvalidSpec: spec.replicas: must be a number" in shown(broken)


def test_a_ready_model_needs_no_advice() -> None:
    text = shown(evidence(cluster.ready(cluster.model()), told=status("Ready", "1 of 1 replicas serve")))

    assert "Ready: 1 of 1 replicas serve" in text
    assert "LAST TERMINATIONS" not in text
    assert "kubectl logs" not in text
