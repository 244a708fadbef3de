"""A real vLLM serves a real model, asked through its Service."""

from itertools import groupby

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl
from tests.e2e.replicas import roll_out

START: list[str] = ["Starting", "PullingImage", "Loading", "Ready"]


def test_chat_is_answered_through_the_service(shared: SharedModel, client: Client) -> None:
    assert "Paris" in client.chat(shared.name, "What is the capital of France?")


def test_generate_answers_prompts_in_the_order_asked(
    shared: SharedModel, client: Client, kubectl: Kubectl
) -> None:
    prompts = ["The capital of France is", "One, two, three, four,"]
    body = {"prompts": prompts, "max_tokens": 4, "temperature": 0}
    answer = client.ask(f"http://{shared.name}.{kubectl.namespace}.svc/generate", body)
    assert answer.status == 200, answer.body
    first, second = answer.json()["responses"]
    assert "Paris" in first["generated_text"]
    assert "five" in second["generated_text"]
    assert (first["num_tokens"], second["num_tokens"]) == (4, 4)


def test_status_told_the_start_in_its_true_order(shared: SharedModel) -> None:
    told = [(model.get("status") or {}).get("reason") for model in shared.history]
    reasons = [reason for reason, _ in groupby(told) if reason]
    assert reasons == [reason for reason in START if reason in reasons], reasons
    assert {"Starting", "Loading", "Ready"} <= set(reasons), reasons


def test_ready_is_not_told_before_a_pod_is_ready(shared: SharedModel, kubectl: Kubectl) -> None:
    pods = kubectl.list("pods", models.of(shared.name))
    first_pod_ready = min(
        condition["lastTransitionTime"]
        for pod in pods
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready"
    )
    ready = [
        condition
        for model in shared.history
        for condition in (model.get("status") or {}).get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    assert ready[0]["lastTransitionTime"] >= first_pod_ready


def test_get_shows_state_and_endpoint_in_columns(shared: SharedModel, kubectl: Kubectl) -> None:
    header, row = kubectl.run("get", "imodel", shared.name).splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "SERVING", "DESIRED", "GPUS", "ENDPOINT", "AGE"]
    endpoint = f"http://{shared.name}.{kubectl.namespace}.svc"
    assert row.split()[:-1] == [shared.name, "True", "Ready", "1", "1", "0", endpoint]


def test_pod_runs_where_only_restricted_pods_are_admitted(shared: SharedModel, kubectl: Kubectl) -> None:
    namespace = kubectl.get("namespace", kubectl.namespace)
    assert namespace
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = kubectl.list("pods", models.of(shared.name))
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]


def test_rolling_update_fails_no_request(shared: SharedModel, kubectl: Kubectl, client: Client) -> None:
    # A light load: engines share two cores while a pod of the new revision starts.
    with client.load(shared.name, clients=4, pause=1, tokens=8, timeout=180) as load:
        roll_out(kubectl, shared.name, 1)
    load.assert_no_request_failed(5)
