"""Helm, as far as rendering goes: values in, manifests out."""

import functools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.kind.paths import BIN, REPOSITORY

Manifest = dict[str, Any]

CHART: Final = REPOSITORY / "charts" / "sirocco"
RELEASE: Final = "sirocco"
NAMESPACE: Final = "sirocco-system"
KUBERNETES: Final = "1.35.0"
API_SERVICE: Final = "v1beta2.custom.metrics.k8s.io"
SERVICE_MONITOR_API: Final = "monitoring.coreos.com/v1/ServiceMonitor"
PROMETHEUS_RULE_API: Final = "monitoring.coreos.com/v1/PrometheusRule"


class HelmError(Exception):
    """Helm refused; the message is what it printed."""


def tool(name: str) -> Path:
    """The path of one of the project's tools; raises FileNotFoundError with what to run."""
    path = BIN / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not installed: run `make tools`")
    return path


def template(
    values: Mapping[str, Any] | None = None,
    program: str = "helm",
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    apis: Sequence[str] = (),
    kubernetes: str = KUBERNETES,
) -> str:
    """What `helm template` prints, for a cluster of that version and with those more APIs."""
    return _template(json.dumps(values or {}), program, release, namespace, tuple(apis), kubernetes)


def render(values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> list[Manifest]:
    """The chart's objects, in the order that Helm applies them."""
    return read(template(values, apis=apis))


def read(text: str) -> list[Manifest]:
    """The objects of a YAML stream."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def find(manifests: Sequence[Manifest], kind: str, name: str = "sirocco-operator") -> Manifest:
    """The one object of that kind and name."""
    found = [one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} objects {kind}/{name}, expected 1 among {names(manifests)}")
    return found[0]


def names(manifests: Sequence[Manifest]) -> list[str]:
    """What was rendered, as `Kind/name`."""
    return [f"{one['kind']}/{one['metadata']['name']}" for one in manifests]


def notes(values: Mapping[str, Any] | None = None) -> str:
    """What `helm install` tells at its end."""
    command = ["install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", "--values", "-"]
    printed = _run("helm", command, json.dumps(values or {}))
    return printed.partition("\nNOTES:\n")[2]


@functools.cache
def _template(
    values: str, program: str, release: str, namespace: str, apis: tuple[str, ...], kubernetes: str
) -> str:
    command = ["template", release, str(CHART), "--namespace", namespace, "--kube-version", kubernetes]
    command += [word for api in apis for word in ("--api-versions", api)]
    return _run(program, [*command, "--values", "-"], values)


def _run(program: str, arguments: Sequence[str], stdin: str) -> str:
    # No cluster may be asked, whatever this machine's kubeconfig says.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(
        [str(tool(program)), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout
