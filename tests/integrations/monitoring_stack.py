"""prometheus-operator as it publishes itself, and a Prometheus and an Alertmanager that it runs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.network import host_address
from tests.e2e.prometheus import Prometheus, published
from tests.integrations.webhook import Webhook
from tests.kind import programs, versions

OPERATOR: Final = "prometheus-operator"
RELOADER: Final = "prometheus-config-reloader"
PROMETHEUS: Final = "prometheus3"
ALERTMANAGER: Final = "alertmanager"
NAME: Final = "main"
# By which this Prometheus selects monitors and rules, as kube-prometheus-stack's does.
LABEL: Final = "release"
KINDS: Final = (
    "alertmanagerconfigs",
    "alertmanagers",
    "podmonitors",
    "probes",
    "prometheusagents",
    "prometheuses",
    "prometheusrules",
    "scrapeconfigs",
    "servicemonitors",
    "thanosrulers",
)
"""All kinds of prometheus-operator, whether it is told of them here or not."""

_PARTS: Final = ("cluster-role", "cluster-role-binding", "service-account")
_USER: Final = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "64Mi"}}


@dataclass(frozen=True)
class Stack:
    """What runs: ask Prometheus and Alertmanager, and read what people were told."""

    kubectl: Kubectl
    prometheus: Prometheus
    webhook: Webhook

    def alerts(self, labels: dict[str, str]) -> list[Object]:
        """The alerts with these labels that Alertmanager holds for active."""
        path = (
            f"/api/v1/namespaces/{self.kubectl.namespace}/pods/alertmanager-{NAME}-0:9093/proxy/api/v2/alerts"
        )
        alerts = json.loads(self.kubectl.run("get", "--raw", path))
        return [alert for alert in alerts if alert["labels"].items() >= labels.items()]

    def select_rules(self, release: str) -> None:
        """Let Prometheus evaluate the rules of another release, and no more those of the present one."""
        selector = {"matchLabels": {LABEL: release}}
        self.kubectl.patch("prometheus", NAME, {"spec": {"ruleSelector": selector}})


@contextmanager
def running(kubectl: Kubectl, release: str, webhook: Webhook) -> Iterator[Stack]:
    """All three in kubectl's namespace, with rights in the whole cluster; selects by the label `release`."""
    programs.ensure(OPERATOR, RELOADER, PROMETHEUS, ALERTMANAGER)
    rights = _rights(kubectl.namespace)
    kubectl.apply(*rights, _operator(kubectl.namespace))
    try:
        kubectl.apply(_configuration(webhook), _alertmanager(), _prometheus(kubectl.namespace, release))
        kubectl.run("rollout", "status", f"deployment/{OPERATOR}", "--timeout=180s", timeout=200)
        custom = [f"prometheus/{NAME}", f"alertmanager/{NAME}"]
        kubectl.run("wait", "--for=condition=Available", *custom, "--timeout=180s", timeout=200)
        yield Stack(kubectl, Prometheus(kubectl, f"prometheus-{NAME}-0"), webhook)
    finally:
        for one in rights:
            if one["kind"].startswith("Cluster"):
                kubectl.delete(one["kind"], one["metadata"]["name"])


def _rights(namespace: str) -> Sequence[Object]:
    """The rights that prometheus-operator publishes for itself and for a Prometheus."""
    return [_read(f"{name}/{name}-{part}", namespace) for name in (OPERATOR, "prometheus") for part in _PARTS]


def _operator(namespace: str) -> Object:
    """Its published Deployment, with images from here, and without what it does for kubelets."""
    deployment = _read(f"{OPERATOR}/{OPERATOR}-deployment", namespace)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = programs.image(OPERATOR)
    container["args"] = [f"--prometheus-config-reloader={programs.image(RELOADER)}"]
    return deployment


def _read(name: str, namespace: str) -> Object:
    text = (published() / "rbac" / f"{name}.yaml").read_text()
    manifest: Object = yaml.safe_load(text.replace("namespace: default", f"namespace: {namespace}"))
    return manifest


def _prometheus(namespace: str, release: str) -> Object:
    chosen = {"matchLabels": {LABEL: release}}
    return _custom(
        "Prometheus",
        image=programs.image(PROMETHEUS),
        version=versions.PROMETHEUS3.replace("v0.3", "v3.", 1),
        serviceAccountName="prometheus",
        evaluationInterval="2s",
        serviceMonitorSelector=chosen,
        serviceMonitorNamespaceSelector={},
        ruleSelector=chosen,
        ruleNamespaceSelector={},
        alerting={
            "alertmanagers": [{"namespace": namespace, "name": "alertmanager-operated", "port": "web"}]
        },
    )


def _alertmanager() -> Object:
    return _custom("Alertmanager", image=programs.image(ALERTMANAGER), version=versions.ALERTMANAGER)


def _custom(kind: str, **spec: Any) -> Object:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": NAME},
        "spec": {"replicas": 1, "securityContext": _USER, "resources": _RESOURCES, **spec},
    }


def _configuration(webhook: Webhook) -> Object:
    """One notification for each alert of a model, within seconds, and another one when it has ended."""
    url = f"http://{host_address()}:{webhook.server_port}/"
    config = {
        "route": {
            "receiver": "webhook",
            "group_by": ["..."],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "4h",
        },
        "receivers": [{"name": "webhook", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"alertmanager-{NAME}"},
        "stringData": {"alertmanager.yaml": yaml.safe_dump(config)},
    }
