"""prometheus-adapter in the cluster by its own manifests, as a server of custom.metrics.k8s.io."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl, Object
from tests.integrations.manifests import apply, delete
from tests.kind import programs, tools, versions
from tests.monitoring.documented import prometheus_adapter_rules

MODULE: Final = "sigs.k8s.io/prometheus-adapter"
NAME: Final = "prometheus-adapter"
NAMESPACE: Final = "sirocco-prometheus-adapter"
API_SERVICE: Final = "v1beta1.custom.metrics.k8s.io"
# What it needs for figures of pods; the others are about the resource metrics of nodes.
_MANIFESTS: Final = (
    "service-account",
    "cluster-role",
    "cluster-role-binding",
    "cluster-role-binding-delegator",
    "role-binding-auth-reader",
    "service",
    "deployment",
)


@contextmanager
def prometheus_adapter(prometheus: str) -> Iterator[Kubectl]:
    """It, which serves what our guide's rules make of that Prometheus' series; at the end it is gone.

    Yields kubectl in its namespace.
    """
    programs.ensure(NAME)
    kubectl = Kubectl(NAMESPACE)
    objects = [*_own_objects(), *_manifests(prometheus)]
    try:
        try:
            apply(objects)
            kubectl.run("rollout", "status", f"deployment/{NAME}", "--timeout=3m", timeout=210)
            kubectl.run("wait", "--for=condition=Available", f"apiservice/{API_SERVICE}", "--timeout=1m")
        except AssertionError as error:
            error.add_note(diagnose([NAMESPACE]))
            raise
        yield kubectl
    finally:
        delete(objects)


def _own_objects() -> list[Object]:
    """Where it is, its rules, and its APIService as its chart makes it: its manifests serve other metrics."""
    config = {"rules": prometheus_adapter_rules()}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "adapter-config", "namespace": NAMESPACE},
            "data": {"config.yaml": yaml.safe_dump(config)},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": API_SERVICE},
            "spec": {
                "group": "custom.metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": NAME, "namespace": NAMESPACE},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]


def _manifests(prometheus: str) -> Iterator[Object]:
    folder = tools.module_folder(MODULE, versions.PROMETHEUS_ADAPTER) / "deploy" / "manifests"
    for name in _MANIFESTS:
        text = (folder / f"{name}.yaml").read_text()
        manifest: Object = yaml.safe_load(text.replace("namespace: monitoring", f"namespace: {NAMESPACE}"))
        if manifest["kind"] == "Deployment":
            _adapt(manifest["spec"], prometheus)
        yield manifest


def _adapt(deployment: dict[str, Any], prometheus: str) -> None:
    deployment["replicas"] = 1
    (container,) = deployment["template"]["spec"]["containers"]
    container["image"] = programs.image(NAME)
    container["imagePullPolicy"] = "Never"
    container["resources"] = {"requests": {"cpu": "20m", "memory": "64Mi"}}
    # Of an argument that is given twice the last counts.
    container["args"] += [
        f"--prometheus-url={prometheus}",
        "--metrics-relist-interval=10s",
        "--metrics-max-age=1m",
    ]
    container["readinessProbe"]["initialDelaySeconds"] = 1
