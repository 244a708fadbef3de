"""What is rendered is valid Kubernetes, and the same on both versions of Helm."""

import json
import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chart.helm import PROMETHEUS_RULE_API, SERVICE_MONITOR_API, template, tool

VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "everything": {
        "networkPolicy": {"enabled": True},
        "imagePullSecrets": [{"name": "registry"}],
        "podLabels": {"team": "ml"},
        "podAnnotations": {"note": "here"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
    "keda": {"autoscaling": {"provider": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}},
    "cert-manager": {"metricsApi": {"certManager": {"enabled": True}}},
    "two namespaces": {"watchNamespaces": ["team-a", "team-b"], "replicas": 1},
}
APIS: Final = (PROMETHEUS_RULE_API, SERVICE_MONITOR_API)
# Kinds of no release of Kubernetes: their schema is their own CRD's.
FOREIGN: Final = "PrometheusRule,ServiceMonitor,Certificate,Issuer"
# The oldest and the newest release that the schemas' package and the chart both know.
VERSIONS: Final = ("1.31.0", "1.35.0")


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubernetes' JSON schemas of those releases, where kubeconform finds them.

    kubernetes-validate's files refer to one another by paths below the root of the `$id` that each of them
    has; here they lie beside one another.
    """
    folder = tmp_path_factory.mktemp("schemas")
    with as_file(files("kubernetes_validate") / "kubernetes-json-schema") as shipped:
        for version in VERSIONS:
            target = folder / f"v{version}"
            target.mkdir()
            for source in (shipped / f"v{version}-local-strict").glob("*.json"):
                text = source.read_text().replace('"/api/_definitions.json', '"_definitions.json')
                schema = json.loads(text)
                schema.pop("$id", None)
                (target / source.name).write_text(json.dumps(schema))
    return folder


def kubeconform(rendered: str, schemas: Path, version: str) -> str:
    """What kubeconform says, strictly; empty when all is valid."""
    location = f"{schemas}/{{{{.NormalizedKubernetesVersion}}}}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [str(tool("kubeconform")), "-strict", "-skip", FOREIGN, "-kubernetes-version", version]
    done = subprocess.run(
        [*command, "-schema-location", location],
        input=rendered,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_rendered_objects_fit_kubernetes_schemas(variant: str, version: str, schemas: Path) -> None:
    rendered = template(VARIANTS[variant], apis=APIS, kubernetes=version)
    assert kubeconform(rendered, schemas, version) == ""


def test_unknown_field_is_found(schemas: Path) -> None:
    broken = template().replace("enableServiceLinks:", "enableServiceLink:")
    assert "additional properties 'enableServiceLink' not allowed" in kubeconform(broken, schemas, "1.35.0")


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_3_and_helm_4_render_the_same(variant: str) -> None:
    texts = [template(VARIANTS[variant], program=program, apis=APIS) for program in ("helm3", "helm")]
    # Helm 4 leaves an empty line more at the end of a document.
    three, four = ([line for line in text.splitlines() if line] for text in texts)
    assert three == four
