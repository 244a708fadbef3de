"""Helm, typed: the chart as a release in the cluster."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.e2e.kubectl import Kubectl
from tests.kind import docker
from tests.kind.config import CONTEXT
from tests.kind.paths import BIN, REPOSITORY

CHART: Final = REPOSITORY / "charts" / "sirocco"
NAME: Final = "sirocco"
NAMESPACE: Final = "sirocco-system"
OPERATOR: Final = "sirocco-operator"
SELECTOR: Final = f"app.kubernetes.io/instance={NAME}"
"""Of the operator's pods."""
OPERATOR_IMAGE: Final = "sirocco/operator:dev"

# The images built here, and little enough of the node's two cores.
VALUES: Final[Mapping[str, Any]] = {
    "image": {"tag": "dev"},
    "serving": {"cpuImage": "sirocco/serving-cpu:dev"},
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
}


class HelmError(AssertionError):
    """Helm ended with an error; the message holds what it said."""


class Release:
    """One release of the chart; `program` is helm (version 4) or helm3."""

    def __init__(self, name: str = NAME, namespace: str = NAMESPACE, program: str = "helm") -> None:
        self.name = name
        self.namespace = namespace
        self.program = program

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 420) -> str:
        """Run one Helm command in the release's namespace; `timeout` in seconds. Raises HelmError."""
        command = [
            str(BIN / self.program), *arguments, "--kube-context", CONTEXT, "--namespace", self.namespace
        ]  # fmt: skip
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise HelmError(f"{self.program} {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def install(self, values: Mapping[str, Any] = VALUES, chart: Path = CHART) -> str:
        """Install or upgrade, wait until the operator is available, and return the chart's notes."""
        options = ["--create-namespace", "--values", "-", "--wait", "--timeout", "6m"]
        return self.run("upgrade", "--install", self.name, str(chart), *options, stdin=json.dumps(values))

    def test(self) -> str:
        """Run the chart's own tests."""
        return self.run("test", self.name, "--timeout", "3m")

    def uninstall(self) -> None:
        """Remove the release."""
        self.run("uninstall", self.name, "--wait", "--timeout", "3m")


def renew_stale_pods() -> None:
    """Restart the operator where its pods run an older build of the image than there is."""
    current = docker.image_id(OPERATOR_IMAGE)
    kubectl = Kubectl(NAMESPACE)
    pods = kubectl.list("pods", SELECTOR)
    running = {one["imageID"] for pod in pods for one in pod["status"].get("containerStatuses", [])}
    if running - {current}:
        kubectl.run("rollout", "restart", f"deployment/{OPERATOR}")
        kubectl.run("rollout", "status", f"deployment/{OPERATOR}", "--timeout=5m", timeout=330)
