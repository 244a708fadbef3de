"""Which operator the bench measures: ours, or another by its CRDs, a template of a resource and a command."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Any, Protocol, Self

import yaml

from tests.api.client import Client, Object
from tests.api.control_plane import OPERATOR_USER, ControlPlane
from tests.api.operator_process import OperatorProcess, install_rights
from tests.api.processes import WITH_PARENT, kill_group

ROOT = Path(__file__).parents[2]
CRD_FILE = ROOT / "crds" / "inferencemodels.yaml"

# What a real model has: replicas by load, a disruption budget, monitoring.
OURS = """
apiVersion: inference.sirocco.dev/v1alpha1
kind: InferenceModel
metadata: {name: $name, namespace: $namespace}
spec:
  model: {uri: hf://mistralai/Mistral-7B-Instruct-v0.3}
  autoscaling: {minReplicas: 2, maxReplicas: 4}
"""
OUR_CHILDREN = (
    "v1/configmaps",
    "v1/serviceaccounts",
    "v1/services",
    "apps/v1/deployments",
    "policy/v1/poddisruptionbudgets",
    "autoscaling/v2/horizontalpodautoscalers",
    "monitoring.coreos.com/v1/servicemonitors",
)


class Running(Protocol):
    """An operator as a process."""

    @property
    def pid(self) -> int:
        """The process's id."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> int:
        """End it as the kubelet does; the exit status."""

    def __enter__(self) -> Self:
        """Start it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it."""


@dataclass(frozen=True)
class Subject:
    """An operator, the resource that it is given many times, and what it makes of one.

    `children` are `apiVersion/plural`; `command` is None for our own operator.
    """

    crds: Sequence[Object]
    template: str
    children: Sequence[str] = OUR_CHILDREN
    command: str | None = None

    def resource(self, namespace: str, name: str) -> Any:
        """The resource of this name."""
        return yaml.safe_load(Template(self.template).substitute(name=name, namespace=namespace))

    def collection(self, namespace: str) -> str:
        """The URL path of the resources."""
        example = self.resource(namespace, "example")
        group = example["apiVersion"].partition("/")[0]
        plural = next(
            crd["spec"]["names"]["plural"]
            for crd in self.crds
            if crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == example["kind"]
        )
        return collection(f"{example['apiVersion']}/{plural}", namespace)

    def process(self, cluster: ControlPlane) -> Running:
        """The operator, not yet started."""
        if self.command is not None:
            return OtherOperator(cluster, self.command)
        install_rights(cluster.client)
        return OperatorProcess(cluster, lease_seconds="15", discovery_seconds="15")


def ours() -> Subject:
    """Our operator, with a cluster that has the Prometheus Operator's ServiceMonitors."""
    return Subject([yaml.safe_load(CRD_FILE.read_text())], OURS)


def collection(kind: str, namespace: str) -> str:
    """The URL path of a kind, `apiVersion/plural`, in a namespace."""
    version, _, plural = kind.rpartition("/")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{plural}"


class OtherOperator:
    """Another operator: a command that finds the cluster by $KUBECONFIG, and may do everything there."""

    def __init__(self, cluster: ControlPlane, command: str) -> None:
        self._command = command
        self._environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig("operator"))}
        self._log = Path(tempfile.mkdtemp(prefix="other-operator-")) / "operator.log"
        self._process: subprocess.Popen[bytes] | None = None
        _allow_everything(cluster.client)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; when it is ready is not known."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*WITH_PARENT, *shlex.split(self._command)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            kill_group(self._process)


def _allow_everything(client: Client) -> None:
    _, _, namespace, account = OPERATOR_USER.split(":")
    client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "bench"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": account}],
        }
    )
