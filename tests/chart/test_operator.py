"""The operator's Deployment and what stands beside it."""

from typing import Any

import pytest
import yaml

from sirocco_operator.api.parse import parse
from sirocco_operator.settings import Settings
from tests.chart.helm import (
    CHART,
    SERVICE_MONITOR_API,
    HelmError,
    Manifest,
    find,
    names,
    notes,
    render,
    template,
)

CHART_FILE: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())


def pod(values: dict[str, Any] | None = None) -> Manifest:
    spec: Manifest = find(render(values), "Deployment")["spec"]["template"]["spec"]
    return spec


def container(values: dict[str, Any] | None = None) -> Manifest:
    (only,) = pod(values)["containers"]
    found: Manifest = only
    return found


def environment(values: dict[str, Any] | None = None) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(values)["env"]}


def test_image_has_the_charts_app_version_unless_a_tag_is_given() -> None:
    assert container()["image"] == f"sirocco/operator:{CHART_FILE['appVersion']}"
    given = {"image": {"repository": "registry.example/op", "tag": "dev", "pullPolicy": "Always"}}
    assert container(given)["image"] == "registry.example/op:dev"
    assert container(given)["imagePullPolicy"] == "Always"


def test_two_replicas_are_the_default() -> None:
    assert find(render(), "Deployment")["spec"]["replicas"] == 2


def test_one_replica_has_no_disruption_budget() -> None:
    assert find(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert "PodDisruptionBudget/sirocco-operator" not in names(render({"replicas": 1}))


def test_selectors_choose_the_operators_pods() -> None:
    manifests = render({"networkPolicy": {"enabled": True}}, apis=[SERVICE_MONITOR_API])
    deployment = find(manifests, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    selectors = [
        deployment["selector"]["matchLabels"],
        find(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        find(manifests, "Service")["spec"]["selector"],
        *(one["labelSelector"]["matchLabels"] for one in pod()["topologySpreadConstraints"]),
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)
    monitored = find(manifests, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    assert monitored <= find(manifests, "Service")["metadata"]["labels"].items()


def test_every_setting_is_one_that_the_operator_knows() -> None:
    known = {f"SIROCCO_{name.upper()}" for name in Settings.model_fields}
    assert set(environment()) <= known


def test_operator_reads_the_values_that_the_chart_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(
        {
            "serving": {"image": "a/gpu:1", "cpuImage": "a/cpu:1", "pullPolicy": "Never"},
            "watchNamespaces": ["team-a", "team-b"],
            "serviceMonitor": {"labels": {"release": "prometheus"}, "interval": "30s"},
            "autoscaling": {"provider": "keda", "keda": {"serverAddress": "http://prometheus:9090"}},
            "modelUpdates": {"mode": "OnSpecChange", "atOnce": 3},
            "logLevel": "debug",
        }
    )
    for name, value in given.items():
        monkeypatch.setenv(name, value or "from-the-downward-api")
    settings = Settings()
    assert settings.serving_image == "a/gpu:1"
    assert settings.serving_cpu_image == "a/cpu:1"
    assert settings.image_pull_policy == "Never"
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.service_monitor_labels == {"release": "prometheus"}
    assert settings.service_monitor_interval == "30s"
    assert settings.autoscaling_provider == "keda"
    assert settings.keda_prometheus_url == "http://prometheus:9090"
    assert settings.metrics_api_port == 0
    assert (settings.model_updates, settings.model_updates_at_once) == ("OnSpecChange", 3)
    assert settings.log_level == "debug"


def test_default_values_are_the_operators_own_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Settings()
    for name, value in environment().items():
        # A process of its own, outside a cluster, serves no API to one.
        if value and name != "SIROCCO_METRICS_API_PORT":
            monkeypatch.setenv(name, value)
    assert Settings() == plain


def test_operator_learns_its_pod_and_namespace_from_the_downward_api() -> None:
    fields = {
        one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"]
        for one in container()["env"]
        if "valueFrom" in one
    }
    assert fields == {"SIROCCO_NAMESPACE": "metadata.namespace", "SIROCCO_POD_NAME": "metadata.name"}


def test_probes_ask_the_operators_endpoints() -> None:
    spec = container()
    assert spec["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert spec["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert spec["ports"][0] == {"name": "http", "containerPort": Settings().http_port}


def test_pod_fields_are_passed_on() -> None:
    given = {
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    }
    assert {field: pod(given)[field] for field in given} == given
    assert not given.keys() & pod().keys()


def test_pod_labels_and_annotations_are_added() -> None:
    meta = find(
        render({"podLabels": {"team": "ml"}, "podAnnotations": {"note": "here"}}), "Deployment"
    )["spec"]["template"]["metadata"]  # fmt: skip
    assert meta["labels"]["team"] == "ml"
    assert meta["labels"]["app.kubernetes.io/name"] == "sirocco-operator"
    assert meta["annotations"] == {"note": "here"}


def test_resources_are_passed_on() -> None:
    given = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    resources = container({"resources": given})["resources"]
    assert resources == {"requests": {"cpu": "1", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_pods_fit_the_restricted_level_with_a_read_only_root(kind: str) -> None:
    manifests = render()
    spec = pod() if kind == "Deployment" else find(manifests, "Pod", "sirocco-operator-ready")["spec"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert [one["securityContext"] for one in spec["containers"]] == [
        {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    ]
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert all("emptyDir" in volume for volume in spec.get("volumes", []))


def test_only_the_operators_pods_get_the_accounts_token() -> None:
    manifests = render()
    assert find(manifests, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod()["automountServiceAccountToken"] is True
    assert pod()["serviceAccountName"] == "sirocco-operator"


def test_network_policy_is_off_by_default() -> None:
    assert "NetworkPolicy/sirocco-operator" not in names(render())


def test_network_policy_lets_through_what_the_operator_needs() -> None:
    policy = {"enabled": True, "apiServerPorts": [8443]}
    spec = find(render({"networkPolicy": policy}), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "http"}, {"port": "metrics-api"}]}]
    ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 8443, "progress", "http"]


def test_service_monitor_comes_with_its_api() -> None:
    given = {"serviceMonitor": {"labels": {"release": "prometheus"}, "interval": "30s"}}
    assert "ServiceMonitor/sirocco-operator" not in names(render(given))
    monitor = find(render(given, apis=[SERVICE_MONITOR_API]), "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"] == [
        {"port": "http", "path": "/metrics", "interval": "30s", "honorLabels": True}
    ]


def test_service_monitor_can_be_left_out() -> None:
    manifests = render({"serviceMonitor": {"operator": False}}, apis=[SERVICE_MONITOR_API])
    assert "ServiceMonitor/sirocco-operator" not in names(manifests)


def test_helm_test_asks_whether_the_operator_is_ready() -> None:
    test = find(render(), "Pod", "sirocco-operator-ready")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert "http://sirocco-operator:8080/readyz" in test["spec"]["containers"][0]["command"][-1]
    assert find(render(), "Service")["spec"]["ports"][0]["port"] == 8080


def test_kubernetes_before_1_31_is_refused() -> None:
    with pytest.raises(HelmError, match=r"requires kubeVersion: >=1\.31\.0-0"):
        template(kubernetes="1.30.9")


def test_notes_tell_the_next_command() -> None:
    said = notes()
    assert "serves the InferenceModels of every namespace" in said
    assert "kubectl apply -f - <<END" in said
    assert "kubectl get imodel --watch" in said
    assert "helm test sirocco --namespace sirocco-system" in said


def test_notes_name_the_namespaces_that_are_watched() -> None:
    said = notes({"watchNamespaces": ["team-a", "team-b"]})
    assert "InferenceModels of these namespaces: team-a, team-b." in said
    assert "kubectl apply --namespace team-a -f - <<END" in said


def test_model_of_the_notes_is_one_that_the_api_takes() -> None:
    text = notes().partition("<<END\n")[2].partition("\n  END")[0]
    model = yaml.safe_load(text)
    model["metadata"]["namespace"] = "default"
    assert parse(model).spec.model.uri.startswith("hf://")
