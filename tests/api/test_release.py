"""A release of the chart as Helm keeps it: whom it gives way to, what it leaves alone, what it takes away."""

import base64
import json
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.api.client import Object
from tests.api.control_plane import ControlPlane
from tests.api.processes import tool
from tests.chart.helm import API_SERVICE, CHART, NAMESPACE, RELEASE

API_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"
EXTERNAL: Final = {"autoscaling": {"provider": "external"}}


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A control plane with nothing in it, whose APIs no controller looks at."""
    with ControlPlane(controllers=False) as control_plane:
        yield control_plane


@pytest.fixture(params=["helm3", "helm"])
def program(request: pytest.FixtureRequest, bare: ControlPlane) -> Iterator[str]:
    """Both versions of Helm, each with no release at first."""
    name: str = request.param
    yield name
    run(bare, name, "uninstall", RELEASE, "--ignore-not-found")


def run(cluster: ControlPlane, program: str, *arguments: str, values: Any = None) -> str:
    """Run one Helm command; raises AssertionError with what it said."""
    command = [tool(program), *arguments, "--namespace", NAMESPACE, "--kubeconfig"]
    done = subprocess.run(
        [*command, str(cluster.kubeconfig("admin"))],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def upgrade(cluster: ControlPlane, program: str, *options: str, values: Any = None) -> str:
    """Install the chart, or upgrade its release."""
    chart = ["upgrade", "--install", RELEASE, str(CHART), "--create-namespace", "--values", "-"]
    return run(cluster, program, *chart, *options, values=values)


def api_service(cluster: ControlPlane) -> Object:
    return cluster.client.request("GET", f"{API_SERVICES}/{API_SERVICE}")


def has_api_service(cluster: ControlPlane) -> bool:
    return cluster.client.raw("GET", f"{API_SERVICES}/{API_SERVICE}").status_code == 200


def write_ca_bundle(cluster: ControlPlane) -> str:
    """Write what the operator's leader writes, as it does."""
    host, _, port = cluster.server.removeprefix("https://").partition(":")
    pem = ssl.get_server_certificate((host, int(port)))
    bundle = base64.b64encode(pem.encode()).decode()
    cluster.client.request(
        "PATCH",
        f"{API_SERVICES}/{API_SERVICE}",
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": API_SERVICE},
            "spec": {"caBundle": bundle},
        },
        content_type="application/apply-patch+yaml",
        fieldManager="sirocco-operator-metrics",
    )
    return bundle


@pytest.fixture(params=["v1beta1", "v1beta2"])
def adapter(request: pytest.FixtureRequest, bare: ControlPlane) -> Iterator[str]:
    """Another provider of the API, known under one version; the APIService's name."""
    name = f"{request.param}.custom.metrics.k8s.io"
    manifest = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": request.param,
            "service": {"namespace": "monitoring", "name": "prometheus-adapter"},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    bare.client.request("POST", API_SERVICES, manifest)
    yield name
    bare.client.request("DELETE", f"{API_SERVICES}/{name}")


def test_another_provider_of_the_figures_is_named_and_left_alone(
    bare: ControlPlane, program: str, adapter: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        upgrade(bare, program)
    said = str(refused.value)
    assert f"custom.metrics.k8s.io is served by monitoring/prometheus-adapter (APIService {adapter})" in said
    assert "set autoscaling.provider to external" in said


def test_external_provider_is_taken_as_it_is(bare: ControlPlane, program: str, adapter: str) -> None:
    upgrade(bare, program, values=EXTERNAL)
    service = bare.client.request("GET", f"{API_SERVICES}/{adapter}")["spec"]["service"]
    assert service["name"] == "prometheus-adapter"


def test_upgrade_and_rollback_keep_the_ca_bundle(bare: ControlPlane, program: str) -> None:
    upgrade(bare, program)
    bundle = write_ca_bundle(bare)
    upgrade(bare, program, values={"podLabels": {"changed": "true"}, "logLevel": "debug"})
    assert api_service(bare)["spec"]["caBundle"] == bundle
    run(bare, program, "rollback", RELEASE, "1")
    assert api_service(bare)["spec"]["caBundle"] == bundle


def test_change_of_the_provider_takes_the_api_service_away(bare: ControlPlane, program: str) -> None:
    upgrade(bare, program)
    assert has_api_service(bare)
    upgrade(bare, program, values=EXTERNAL)
    assert not has_api_service(bare)


def test_uninstall_leaves_no_api_service(bare: ControlPlane, program: str) -> None:
    upgrade(bare, program)
    assert has_api_service(bare)
    run(bare, program, "uninstall", RELEASE)
    assert not has_api_service(bare)


def make_namespace(cluster: ControlPlane, name: str) -> None:
    cluster.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def remove_namespace(cluster: ControlPlane, name: str) -> None:
    """Delete a namespace where no controller does the rest."""
    cluster.client.delete("Namespace", None, name)
    found = cluster.client.get("Namespace", None, name)
    cluster.client.request(
        "PUT", f"/api/v1/namespaces/{name}/finalize", {**found, "spec": {"finalizers": []}}
    )


def for_namespaces(*names: str) -> Any:
    """The values of a release for these namespaces."""
    return {"watchNamespaces": list(names), **EXTERNAL}


def test_a_release_for_a_namespace_of_another_is_refused(bare: ControlPlane, program: str) -> None:
    upgrade(bare, program, values=EXTERNAL)
    with pytest.raises(AssertionError) as refused:
        run(
            bare,
            program,
            "install",
            "second",
            str(CHART),
            "--values",
            "-",
            values=for_namespaces("default"),
        )
    said = str(refused.value)
    assert (
        f"the operator of release {RELEASE} in namespace {NAMESPACE} serves every namespace already" in said
    )
    assert "uninstall that release first, or give each release its own watchNamespaces" in said
    # The first one's own upgrades go on.
    upgrade(bare, program, values=EXTERNAL)


def test_a_release_for_a_namespace_that_does_not_exist_is_refused(bare: ControlPlane, program: str) -> None:
    make_namespace(bare, NAMESPACE)
    with pytest.raises(AssertionError) as refused:
        upgrade(bare, program, values=for_namespaces("default", "nowhere"))
    assert "watchNamespaces names what does not exist: nowhere" in str(refused.value)
    assert "kubectl create namespace nowhere" in str(refused.value)


def test_a_release_is_upgraded_though_one_of_its_namespaces_is_gone(bare: ControlPlane, program: str) -> None:
    make_namespace(bare, "short-lived")
    values = for_namespaces("default", "short-lived")
    upgrade(bare, program, values=values)
    remove_namespace(bare, "short-lived")
    said = upgrade(bare, program, values={**values, "logLevel": "debug"})
    assert "these namespaces do not exist, and are not served: short-lived" in said
    make_namespace(bare, "short-lived")
    assert "do not exist" not in upgrade(bare, program, values=values)
    assert bare.client.find("Role", "short-lived", f"{RELEASE}-operator")
