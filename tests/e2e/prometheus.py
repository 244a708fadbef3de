"""A real Prometheus in the cluster, told by ServiceMonitors and PrometheusRules what to do."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml

from tests.e2e import leader
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.release import VALUES, Release
from tests.kind import programs, tools, versions
from tests.monitoring.discovery import targets
from tests.monitoring.scraping import scrape_configs
from tests.waiting import eventually

NAME: Final = "prometheus"
PORT: Final = 9090
CREDENTIALS: Final = "/etc/credentials"
TARGETS: Final = "/targets"
LABELS: Final = {"app.kubernetes.io/name": NAME}
KINDS: Final = ("servicemonitors", "prometheusrules")
_MODULE: Final = "github.com/prometheus-operator/prometheus-operator"
_UNMONITORED: Final = {
    "serviceMonitor": {"operator": False},
    "prometheusRule": {"enabled": False},
    "dashboards": {"enabled": False},
}


@contextmanager
def monitoring_apis(
    kubectl: Kubectl,
    operator: Kubectl,
    values: Mapping[str, Any] = VALUES,
    kinds: Sequence[str] = KINDS,
) -> Iterator[None]:
    """prometheus-operator's own definitions of its kinds, and the release with what it adds for them.

    At the end the kinds are gone again, the operator knows it, and the release has its usual values for the
    rest.
    """
    # Just restarted, none may lead yet.
    before = eventually(lambda: leader.watched_kinds(operator), 60, "a leader to say what it watches")
    folder = published() / "prometheus-operator-crd"
    files = [f"--filename={folder / f'monitoring.coreos.com_{kind}.yaml'}" for kind in kinds]
    kubectl.run("apply", "--server-side", "--force-conflicts", *files)
    for kind in kinds:
        kubectl.run("wait", "--for=condition=Established", f"crd/{kind}.monitoring.coreos.com")
    try:
        Release().install(values)
        yield
    finally:
        # Helm cannot upgrade a release of whose objects the kind is gone.
        Release().install({**VALUES, **_UNMONITORED})
        kubectl.delete("crd", *(f"{kind}.monitoring.coreos.com" for kind in kinds))
        # Until it does, it makes ServiceMonitors in vain, and its models' statuses say so.
        eventually(
            lambda: leader.watched_kinds(operator) == before,
            120,
            f"the operator to say again that it watches {before} kinds",
            interval=1,
        )


def published() -> Path:
    """The folder of manifests that prometheus-operator publishes."""
    return tools.module_folder(_MODULE, versions.PROMETHEUS_OPERATOR) / "example"


class Prometheus:
    """Prometheus in a pod of its own, or in the one of that name."""

    def __init__(self, kubectl: Kubectl, pod: str = NAME) -> None:
        self._kubectl = kubectl
        self._pod = pod
        self.url = f"http://{pod}.{kubectl.namespace}.svc:{PORT}"
        self._namespaces: frozenset[str] = frozenset()

    @contextmanager
    def running(
        self, monitors: Sequence[Object], rules: Sequence[Object], secrets: Sequence[str], every: str = ""
    ) -> Iterator[None]:
        """Scrape what the monitors select and evaluate the rules; `secrets` are those the monitors name.

        It scrapes `every` so long, "2s" for example, as often as the monitors say by default.
        """
        programs.ensure(NAME)
        interval = {"scrape_interval": every} if every else {}
        config = {
            "global": {"evaluation_interval": "5s"},
            "rule_files": [f"/etc/{NAME}/rules-*.yaml"],
            "scrape_configs": [
                {**config, **interval, **_found_in(monitor["metadata"]["namespace"])}
                for monitor in monitors
                for config in scrape_configs(monitor, (), lambda name, key: f"{CREDENTIALS}/{name}/{key}")
            ],
        }
        data = {"prometheus.yaml": yaml.safe_dump(config)}
        data |= {f"rules-{rule['metadata']['name']}.yaml": yaml.safe_dump(rule["spec"]) for rule in rules}
        self._kubectl.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": data},
            _pod(secrets),
            _service(),
        )
        self._namespaces = frozenset(monitor["metadata"]["namespace"] for monitor in monitors)
        try:
            self._kubectl.until("pod", NAME, _ready, "ready")
            self.renew_targets()
            yield
        finally:
            self._kubectl.delete(f"pod/{NAME}", f"service/{NAME}", f"configmap/{NAME}")

    def renew_targets(self) -> None:
        """Scrape the pods that there are now, as it finds none by itself."""
        for namespace in self._namespaces:
            self._write_targets(namespace, _targets(namespace))

    def forget_targets(self) -> None:
        """Scrape nothing any more."""
        for namespace in self._namespaces:
            self._write_targets(namespace, [])

    def _write_targets(self, namespace: str, targets: Sequence[Object]) -> None:
        # Whole at once: half a file would be read too.
        script = f"cat > {TARGETS}/new && mv {TARGETS}/new {TARGETS}/{namespace}.json"
        self._kubectl.run("exec", "--stdin", NAME, "--", "sh", "-c", script, stdin=json.dumps(targets))

    def ask(self, path: str) -> Any:
        """The data of an answer of its API."""
        base = f"/api/v1/namespaces/{self._kubectl.namespace}/pods/{self._pod}:{PORT}/proxy/api/v1"
        answer = json.loads(self._kubectl.run("get", "--raw", f"{base}/{path}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """The numbers that an expression has now."""
        found = self.ask(f"query?query={quote(expression, safe='')}")["result"]
        return [number for one in found if not math.isnan(number := float(one["value"][1]))]


def _ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _found_in(namespace: str) -> Object:
    return {"static_configs": [], "file_sd_configs": [{"files": [f"{TARGETS}/{namespace}.json"]}]}


def _targets(namespace: str) -> list[Object]:
    kubectl = Kubectl(namespace)
    return targets(*(kubectl.list(kind) for kind in ("services", "endpointslices", "pods")))


def _service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME},
        "spec": {"selector": LABELS, "ports": [{"port": PORT}]},
    }


def _pod(secrets: Sequence[str]) -> Object:
    volumes: list[Object] = [
        {"name": "config", "configMap": {"name": NAME}},
        {"name": "data", "emptyDir": {}},
        {"name": "targets", "emptyDir": {}},
        *({"name": name, "secret": {"secretName": name}} for name in secrets),
    ]
    mounts = [
        {"name": "config", "mountPath": f"/etc/{NAME}"},
        {"name": "data", "mountPath": "/data"},
        {"name": "targets", "mountPath": TARGETS},
        *({"name": name, "mountPath": f"{CREDENTIALS}/{name}"} for name in secrets),
    ]
    container = {
        "name": NAME,
        "image": programs.image(NAME),
        "args": [f"--config.file=/etc/{NAME}/prometheus.yaml", "--storage.tsdb.path=/data"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": mounts,
    }
    user = {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": LABELS},
        "spec": {
            "containers": [container],
            "volumes": volumes,
            "automountServiceAccountToken": False,
            "securityContext": {**user, "seccompProfile": {"type": "RuntimeDefault"}},
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
        },
    }
