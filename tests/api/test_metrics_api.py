"""The metrics API, asked as the HPA's controller asks, through the API server; and asked by others."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sirocco_operator.children.labels import labels
from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import AGGREGATED, GROUP, GROUP_VERSION
from tests.api.certificates import Authority
from tests.api.client import ApiError, Client
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import (
    API_SERVICE,
    POD_PORT,
    FrontProxyCall,
    ModelPod,
    admit,
    exposition,
    figures,
    make_ready,
    wait_available,
    wait_pods,
    withdraw,
)
from tests.api.models import DEADLINE, model, wait_child, wait_gone
from tests.api.operator_process import OperatorProcess
from tests.api.processes import tool
from tests.api.raw_pod import OK, RawPod, body, redirect, without_end
from tests.waiting import eventually

CONFIG = ("ConfigMap", "kube-system", "extension-apiserver-authentication")


pytestmark = pytest.mark.usefixtures("operators")


def path_of(namespace: str, metric: Metric = Metric.IN_FLIGHT, pod: str = "*") -> str:
    return f"/apis/{GROUP_VERSION}/namespaces/{namespace}/pods/{pod}/{metric}"


def serve(client: Client, namespace: str, *pods: ModelPod) -> list[str]:
    """A model whose Ready pods are these; their names, once the operators tell a figure of the last."""
    client.create(model(namespace, replicas=len(pods)))
    names = wait_pods(client, namespace, len(pods))
    for name, pod in zip(names, pods, strict=True):
        make_ready(client, namespace, name, pod.address)
    return names


def wait_told(
    client: Client, namespace: str, wanted: dict[str, str], metric: Metric = Metric.IN_FLIGHT
) -> None:
    """Wait until just these figures are told."""

    def told() -> bool:
        found = figures(client, namespace, metric)
        assert found == wanted, found
        return True

    eventually(told, DEADLINE, f"the figures of {namespace}", 0.1)


def refusal(client: Client, namespace: str, pod: str) -> str:
    """Why a pod's figure is not told; empty when it is."""
    answer = client.raw("GET", path_of(namespace, pod=pod))
    if answer.is_success:
        return ""
    assert answer.status_code == 404, answer.text
    return str(answer.json()["message"])


def test_the_api_server_finds_it_in_both_forms(client: Client, call: FrontProxyCall) -> None:
    # What an API server asks for that knows no aggregated discovery.
    (group,) = call("/apis", "x", ["system:masters"]).json()["groups"]
    assert group["preferredVersion"]["groupVersion"] == GROUP_VERSION
    answer = client.request("GET", f"/apis/{GROUP_VERSION}")
    assert [each["name"] for each in answer["resources"]] == [f"pods/{metric}" for metric in Metric]

    def aggregated() -> dict[str, set[str]]:
        groups = client.raw("GET", "/apis", accept=AGGREGATED).json()["items"]
        (found,) = (each for each in groups if each["metadata"]["name"] == GROUP)
        (version,) = found["versions"]
        assert version["freshness"] == "Current"
        return {
            each["resource"]: {sub["subresource"] for sub in each["subresources"]}
            for each in version["resources"]
        }

    assert eventually(aggregated, DEADLINE, "the group in aggregated discovery", 0.2) == {"pods": set(Metric)}


def test_kubectl_reads_the_figures_of_all_ready_pods(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    with (
        ModelPod("127.87.1.1", exposition(7, kv_cache=0.25)) as one,
        ModelPod("127.87.1.2", exposition(2)) as two,
    ):
        first, second = serve(client, namespace, one, two)
        wait_told(client, namespace, {first: "7", second: "2"})
        wait_told(client, namespace, {first: "250m", second: "0"}, Metric.KV_CACHE)
        assert figures(client, namespace, Metric.IN_FLIGHT, pod=first) == {first: "7"}
        answer = subprocess.run(
            [
                tool("kubectl"),
                f"--kubeconfig={cluster.kubeconfig('admin')}",
                "get",
                "--raw",
                path_of(namespace),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert '"kind": "MetricValueList"' in answer
        assert first in answer


def test_a_selector_chooses_among_models(client: Client, namespace: str) -> None:
    with ModelPod("127.87.1.3", exposition(1)) as one:
        serve(client, namespace, one)
        client.create(model(namespace, "other"))
        names = wait_pods(client, namespace, 2)
        (other,) = (name for name in names if name.startswith("other"))
        with ModelPod("127.87.1.4", exposition(5)) as two:
            make_ready(client, namespace, other, two.address)
            selector = "inference.sirocco.dev/model=other"

            def told() -> bool:
                assert figures(client, namespace, Metric.IN_FLIGHT, selector=selector) == {other: "5"}
                return True

            eventually(told, DEADLINE, "the figure of the other model alone", 0.1)


def test_a_pod_that_does_not_answer_is_missing_and_holds_up_nobody(client: Client, namespace: str) -> None:
    with ModelPod("127.87.1.5", exposition(3)) as one, ModelPod("127.87.1.6", exposition(4)) as two:
        first, second = serve(client, namespace, one, two)
        wait_told(client, namespace, {first: "3", second: "4"})
        two.fall_silent()
        wait_told(client, namespace, {first: "3"})


def test_a_pod_that_only_has_a_models_labels_is_asked_nothing(client: Client, namespace: str) -> None:
    with ModelPod("127.87.1.12", exposition(3)) as one, ModelPod("127.87.1.13", exposition(900)) as stray:
        (name,) = serve(client, namespace, one)
        client.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "stray", "namespace": namespace, "labels": labels("mistral")},
                "spec": {"containers": [{"name": "x", "image": "x"}]},
            }
        )
        make_ready(client, namespace, "stray", stray.address)
        before = one.asked

        def read_again() -> bool:
            # Each replica keeps a reading for a while, so that the next one but one knows the stray pod.
            assert figures(client, namespace, Metric.IN_FLIGHT) == {name: "3"}
            return one.asked > before + 2

        eventually(read_again, DEADLINE, "readings that are younger than the stray pod", 0.1)
        assert stray.asked == 0


def test_no_answer_of_a_pod_costs_the_figures_of_others(client: Client, namespace: str) -> None:
    with (
        ModelPod("127.87.1.14", exposition(3)) as one,
        RawPod("127.87.1.15", POD_PORT, without_end(OK + b"\r\n", b"x 1\n" * 1000)) as endless,
        RawPod("127.87.1.16", POD_PORT, redirect(f"http://127.87.1.14:{POD_PORT}/metrics")) as elsewhere,
        RawPod("127.87.1.17", POD_PORT, body(b"sirocco_serving_requests_in_flight 1e308\n" * 2)) as absurd,
    ):
        client.create(model(namespace, replicas=4))
        first, *others = wait_pods(client, namespace, 4)
        make_ready(client, namespace, first, one.address)
        for name, pod in zip(others, (endless, elsewhere, absurd), strict=True):
            make_ready(client, namespace, name, pod.address)

        def all_asked() -> bool:
            wait_told(client, namespace, {first: "3"})
            return all(pod.asked for pod in (endless, elsewhere, absurd))

        eventually(all_asked, DEADLINE, "the other pods to be asked, too", 0.1)


def test_a_pod_that_is_not_ready_is_not_told(client: Client, namespace: str) -> None:
    with ModelPod("127.87.1.7", exposition(3)) as one, ModelPod("127.87.1.8", exposition(4)) as two:
        first, second = serve(client, namespace, one, two)
        wait_told(client, namespace, {first: "3", second: "4"})
        make_ready(client, namespace, second, two.address, ready=False)
        wait_told(client, namespace, {first: "3"})
        eventually(
            lambda: "not Ready" in refusal(client, namespace, second),
            DEADLINE,
            "the pod to be missed by every replica",
            0.1,
        )


def test_the_wait_of_a_queue_that_stands_still_is_told(client: Client, namespace: str) -> None:
    text = exposition(9).replace("oldest_queued_seconds 0.0", "oldest_queued_seconds 12.5")
    with ModelPod("127.87.1.9", text) as pod:
        (name,) = serve(client, namespace, pod)
        wait_told(client, namespace, {name: "12500m"}, Metric.QUEUE_WAIT)


def test_a_model_with_keys_is_asked_with_its_internal_key_without_reading_its_secret(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    offset = cluster.audit_offset()
    with ModelPod("127.87.1.10", exposition(6)) as pod:
        client.create(model(namespace, access={"keysSecretName": "team-keys"}))
        secret = wait_child(client, "Secret", namespace, "mistral-internal")
        pod.ask_for_key(secret)
        (name,) = wait_pods(client, namespace, 1)
        make_ready(client, namespace, name, pod.address)
        wait_told(client, namespace, {name: "6"})
    asked = [
        entry
        for entry in cluster.audit(offset)
        if (where := entry.get("objectRef", {})).get("resource") == "secrets"
        and where.get("namespace") == namespace
    ]
    assert {entry["verb"] for entry in asked} == {"create"}


def test_pods_are_asked_once_for_all_who_ask_at_a_time(
    client: Client, call: FrontProxyCall, namespace: str
) -> None:
    with ModelPod("127.87.1.11", exposition(3)) as pod:
        (name,) = serve(client, namespace, pod)
        wait_told(client, namespace, {name: "3"})

        def asked_at_once() -> int:
            before = pod.asked
            paths = [path_of(namespace, metric) for metric in Metric] * 4
            with ThreadPoolExecutor(len(paths)) as pool:
                answers = list(pool.map(lambda path: call(path, "system:admin", ["system:masters"]), paths))
            assert {answer.status_code for answer in answers} == {200}
            return pod.asked - before

        # The first time after what is kept has become too old.
        assert eventually(asked_at_once, DEADLINE, "the pod to be asked again", 0.5) == 1


def test_a_person_without_rights_is_refused(
    client: Client, cluster: ControlPlane, call: FrontProxyCall, namespace: str
) -> None:
    with pytest.raises(ApiError) as raised:
        figures(cluster.client_of("person"), namespace, Metric.IN_FLIGHT)
    assert raised.value.code == 403
    # The operator asks, too: the API server does not have to be asked first.
    answer = call(path_of(namespace), "person", ["system:authenticated"])
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")
    assert 'User "person" cannot get resource "pods/sirocco_requests_in_flight"' in answer.json()["message"]
    rules = [{"apiGroups": [GROUP], "resources": ["pods/sirocco_requests_in_flight"], "verbs": ["get"]}]
    meta = {"name": "figures", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    client.apply({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    client.apply(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "figures"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "person"}],
        }
    )
    eventually(
        lambda: call(path_of(namespace), "person", ["system:authenticated"]).status_code == 200,
        DEADLINE,
        "the person to be let in",
        0.5,
    )
    assert call(path_of(namespace, Metric.KV_CACHE), "person").status_code == 403


def test_who_calls_the_port_without_the_api_server_is_nobody(
    client: Client, cluster: ControlPlane, ports: tuple[int, int]
) -> None:
    stranger = FrontProxyCall(client, ports[0])
    for path in (path_of("default"), "/apis", "/anything"):
        answer = stranger(path, "system:admin", ["system:masters"])
        assert (answer.status_code, answer.json()["kind"], answer.json()["code"]) == (401, "Status", 401)
    assert stranger("/healthz").status_code == 200
    kubelet = FrontProxyCall(client, ports[0], cluster.front_proxy_client("somebody-else"))
    assert kubelet(path_of("default"), "system:admin", ["system:masters"]).status_code == 401


def test_a_certificate_of_another_authority_is_believed_once_the_api_server_says_so(
    client: Client, ports: tuple[int, int], tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "another-front-proxy-ca")
    certificate = authority.client("front-proxy-client")
    before = client.get(*CONFIG)["data"]["requestheader-client-ca-file"]

    def status() -> int:
        try:
            return FrontProxyCall(client, ports[0], certificate)("/apis", "x", ["system:masters"]).status_code
        except httpx.TransportError:
            return 0

    def believe(authorities: str) -> None:
        client.patch(*CONFIG, {"data": {"requestheader-client-ca-file": authorities}})

    assert status() == 0
    believe(before + authority.path.read_text())
    eventually(lambda: status() == 200, DEADLINE, "the other authority to be believed", 0.2)
    connected = FrontProxyCall(client, ports[0], certificate)
    assert connected("/apis", "x", ["system:masters"]).status_code == 200
    believe(before)
    eventually(lambda: status() == 0, DEADLINE, "the other authority not to be believed any more", 0.2)
    # At once: a connection that is left open and unanswered would end with a timeout.
    with pytest.raises((httpx.NetworkError, httpx.ProtocolError)):
        connected("/apis", "x", ["system:masters"])


def test_what_is_not_there_or_cannot_be_done_is_told_as_the_api_server_does(call: FrontProxyCall) -> None:
    masters = ["system:masters"]
    answer = call(path_of("default", Metric.IN_FLIGHT, "nobody"), "x", masters)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")
    answer = call(path_of("default"), "x", masters, method="DELETE")
    assert (answer.status_code, answer.json()["reason"]) == (405, "MethodNotAllowed")
    answer = call(f"{path_of('default')}?labelSelector=a%3Db%3Dc", "x", masters)
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


def test_namespaces_can_be_deleted_after_a_replica_was_killed(
    client: Client, operators: tuple[OperatorProcess, OperatorProcess], ports: tuple[int, int]
) -> None:
    made = client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "ending-"}})
    name = made["metadata"]["name"]
    client.create(model(name))
    wait_child(client, "Deployment", name)
    operators[0].kill()
    try:
        withdraw(client, ports[0])

        def looks() -> float:
            return operators[1].metric("sirocco_operator_metrics_api_requests_total", what="discovery")

        # What the API server has found before would do for a while: it is to look again.
        before = looks()
        client.patch("APIService", None, API_SERVICE, {"metadata": {"annotations": {"looked-at": name}}})
        eventually(lambda: looks() > before, DEADLINE, "the API server to look at the other replica", 0.1)
        client.delete("Namespace", None, name)
        wait_gone(client, "Namespace", None, name)
    finally:
        operators[0].start()
        admit(client, ports[0])
        wait_available(client)
