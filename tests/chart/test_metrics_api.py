"""The operator's part of custom.metrics.k8s.io, and who has it instead."""

from typing import Any

import pytest

from tests.chart.helm import API_SERVICE, Manifest, find, names, notes, render

KEDA: dict[str, Any] = {
    "autoscaling": {"provider": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}
}
ELSEWHERE: dict[str, dict[str, Any]] = {
    "keda": KEDA,
    "external": {"autoscaling": {"provider": "external"}},
    "two namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "no replicas": {"replicas": 0},
}
CERT_MANAGER: dict[str, Any] = {"metricsApi": {"certManager": {"enabled": True}}}


def container(manifests: list[Manifest]) -> Manifest:
    found: Manifest = find(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(manifests: list[Manifest]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(manifests)["env"]}


def test_api_service_leads_to_the_operators_port() -> None:
    manifests = render()
    asked = find(manifests, "APIService", API_SERVICE)["spec"]["service"]
    service = find(manifests, "Service")
    assert (asked["name"], asked["namespace"]) == (
        service["metadata"]["name"],
        service["metadata"]["namespace"],
    )
    (port,) = [one for one in service["spec"]["ports"] if one["port"] == asked["port"]]
    (target,) = [one for one in container(manifests)["ports"] if one["name"] == port["targetPort"]]
    assert str(target["containerPort"]) == environment(manifests)["SIROCCO_METRICS_API_PORT"] == "10250"


def test_ca_bundle_is_left_to_the_operator() -> None:
    spec = find(render(), "APIService", API_SERVICE)["spec"]
    assert spec.keys() == {"group", "version", "service", "groupPriorityMinimum", "versionPriority"}


def test_operator_knows_the_name_that_its_certificate_is_for() -> None:
    assert (
        environment(render())["SIROCCO_METRICS_API_SERVICE"] == find(render(), "Service")["metadata"]["name"]
    )


@pytest.mark.parametrize("values", ELSEWHERE.values(), ids=ELSEWHERE)
def test_nothing_of_that_api_is_left_where_the_operator_does_not_serve_it(values: dict[str, Any]) -> None:
    manifests = render(values)
    assert f"APIService/{API_SERVICE}" not in names(manifests)
    assert [one["name"] for one in find(manifests, "Service")["spec"]["ports"]] == ["http"]
    assert [one["name"] for one in container(manifests)["ports"]] == ["http"]
    assert environment(manifests)["SIROCCO_METRICS_API_PORT"] == "0"
    assert "lifecycle" not in container(manifests)


def test_a_pod_that_ends_answers_until_the_api_server_knows_it() -> None:
    manifests = render()
    wait = container(manifests)["lifecycle"]["preStop"]["sleep"]["seconds"]
    pod = find(manifests, "Deployment")["spec"]["template"]["spec"]
    assert 0 < wait < pod.get("terminationGracePeriodSeconds", 30) - 20


@pytest.mark.parametrize("values", ELSEWHERE.values(), ids=ELSEWHERE)
def test_network_policy_opens_only_ports_that_are_served(values: dict[str, Any]) -> None:
    spec = find(render({**values, "networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": "http"}]}]
    assert spec["egress"][-1]["ports"] == [{"port": "progress"}]


def test_cert_managers_certificate_is_the_services_and_is_mounted() -> None:
    manifests = render(CERT_MANAGER)
    certificate = find(manifests, "Certificate", "sirocco-operator-metrics-api")["spec"]
    assert certificate["dnsNames"] == ["sirocco-operator.sirocco-system.svc"]
    pod = find(manifests, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [one for one in pod["volumes"] if "secret" in one]
    (mount,) = [one for one in container(manifests)["volumeMounts"] if one["name"] == volume["name"]]
    assert volume["secret"]["secretName"] == certificate["secretName"]
    assert environment(manifests)["SIROCCO_METRICS_API_CERTIFICATE_FOLDER"] == mount["mountPath"]


def test_cert_manager_writes_the_ca_bundle_of_its_certificate() -> None:
    annotations = find(render(CERT_MANAGER), "APIService", API_SERVICE)["metadata"]["annotations"]
    assert annotations == {"cert-manager.io/inject-ca-from": "sirocco-system/sirocco-operator-metrics-api"}


def test_cert_managers_ca_is_made_unless_an_issuer_is_given() -> None:
    manifests = render(CERT_MANAGER)
    own = find(manifests, "Certificate", "sirocco-operator-metrics-api")["spec"]["issuerRef"]
    issuer = find(manifests, own["kind"], own["name"])["spec"]
    ca = find(manifests, "Certificate", "sirocco-operator-metrics-api-ca")["spec"]
    assert issuer == {"ca": {"secretName": ca["secretName"]}}
    assert ca["isCA"]
    given = {"name": "internal", "kind": "ClusterIssuer"}
    manifests = render({"metricsApi": {"certManager": {"enabled": True, "issuerRef": given}}})
    (certificate,) = [one for one in manifests if one["kind"] == "Certificate"]
    assert certificate["spec"]["issuerRef"] == given
    assert not [one for one in manifests if one["kind"] == "Issuer"]


@pytest.mark.parametrize("values", [{}, *ELSEWHERE.values()], ids=["defaults", *ELSEWHERE])
def test_cert_manager_has_nothing_to_do_unless_asked(values: dict[str, Any]) -> None:
    off = render(values if not values else {**values, **CERT_MANAGER})
    assert not [one for one in off if one["kind"] in ("Certificate", "Issuer")]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "figures that the operator serves: kubectl get apiservice v1beta2.custom.metrics.k8s.io"),
        (KEDA, "scaled by KEDA, which asks http://prometheus:9090."),
        (ELSEWHERE["external"], "another provider of custom.metrics.k8s.io has to serve."),
        (ELSEWHERE["two namespaces"], "set autoscaling.provider, or install for the whole cluster."),
    ],
    ids=["builtin", "keda", "external", "two namespaces"],
)
def test_notes_tell_who_scales(values: dict[str, Any], said: str) -> None:
    assert said in notes(values)
