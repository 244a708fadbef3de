"""`sirocco render`: prints the objects that the operator makes of InferenceModels in files."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.api.v1alpha1 import API_VERSION, KIND, InferenceModel
from sirocco_operator.children.build import build_children
from sirocco_operator.cli.commands import Commands, RefusedError
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings

_DESCRIPTION: Final = """\
Print the Kubernetes objects that the operator makes of each InferenceModel in the files, as YAML.
No cluster is asked. What the cluster would refuse is refused here too: nothing is printed, each problem is
named with its file, document and field, and the exit code is 1. Not printed is the Secret NAME-internal of a
model with keys: its key comes from a secret that the operator keeps in the cluster."""
_EPILOG: Final = """\
examples:
  sirocco render -f manifests/mistral.yaml
  sirocco render -f a.yaml -f b.yaml --namespace models
  kustomize build . | sirocco render -f -
  sirocco render -f mistral.yaml --api-versions monitoring.coreos.com/v1

environment (as the chart sets it for the operator):
  SIROCCO_SERVING_IMAGE, SIROCCO_SERVING_CPU_IMAGE   images of models that name none
  SIROCCO_IMAGE_PULL_POLICY                          Always, IfNotPresent or Never
  SIROCCO_SERVICE_MONITOR_LABELS                     JSON, e.g. {"release": "prometheus"}
  SIROCCO_SERVICE_MONITOR_INTERVAL                   e.g. 15s
  SIROCCO_AUTOSCALING_PROVIDER                       builtin, keda or external
  SIROCCO_KEDA_PROMETHEUS_URL                        for keda, e.g. http://prometheus.monitoring.svc:9090"""


@dataclass(frozen=True)
class Document:
    """A YAML document and the place that it was read from."""

    place: str
    content: Any


class _Loader(yaml.SafeLoader):
    """Loads YAML as the API server's tools do: dates are text, and duplicate keys are refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(repeated)} is written twice: keep one", node.start_mark
            )
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Dumps YAML without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render(filenames: Sequence[str], namespace: str | None, api_versions: Sequence[str]) -> str:
    """The children of every model in the files, as YAML documents; raises RefusedError."""
    settings = _settings()
    documents = [document for filename in filenames for document in read_documents(filename)]
    models: list[InferenceModel] = []
    refusals: list[str] = []
    for document in documents:
        try:
            if (model := load_model(document, namespace)) is not None:
                models.append(model)
        except RefusedError as refused:
            refusals.extend(refused.lines)
    if refusals:
        raise RefusedError(*refusals)
    if not models:
        raise RefusedError(
            f"{', '.join(filenames)}: no {KIND} in it: give a file with one (apiVersion: {API_VERSION})"
        )
    available = [kind for kind in CHILD_KINDS if not kind.optional or kind.api_version in api_versions]
    children = [child for model in models for child in build_children(model, settings, available)]
    return yaml.dump_all(children, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def read_documents(filename: str) -> Iterator[Document]:
    """The documents of a file, or of standard input for `-`, without empty ones; raises RefusedError."""
    name = "standard input" if filename == "-" else filename
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
        contents = list(yaml.load_all(text, Loader=_Loader))
    except OSError as error:
        raise RefusedError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RefusedError(f"{name}: not UTF-8 text: give a YAML or JSON file") from error
    except yaml.YAMLError as error:
        raise RefusedError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    for number, content in enumerate(contents, start=1):
        if content is not None:
            yield Document(f"{name}: document {number}" if len(contents) > 1 else name, content)


def load_model(document: Document, namespace: str | None) -> InferenceModel | None:
    """The document's model, or None for another kind; raises RefusedError."""
    content = document.content
    if not isinstance(content, Mapping) or "kind" not in content:
        raise RefusedError(
            f"{document.place}: not a Kubernetes object: it has apiVersion, kind, metadata and spec"
        )
    if content["kind"] != KIND:
        return None
    # Imported here: what evaluates CEL takes longer to import than other commands take in all.
    from sirocco_operator.api.validation import problems

    if found := problems(content):
        raise RefusedError(*(f"{document.place}: {problem}" for problem in found))
    metadata = content["metadata"]
    own = metadata.get("namespace")
    if own and namespace and own != namespace:
        raise RefusedError(
            f"{document.place}: metadata.namespace: {own} is not --namespace {namespace}: "
            "leave one of them out, or make them the same"
        )
    identity = {"name": metadata["name"], "namespace": own or namespace or "default"}
    try:
        return parse({"metadata": identity, "spec": content["spec"]})
    except InvalidResource as error:
        raise RefusedError(*(f"{document.place}: {problem}" for problem in error.problems)) from error


def add_parser(commands: Commands) -> None:
    """Add `render` to the command line."""
    rendering = commands.add_parser(
        "render",
        help="print what the operator makes of an InferenceModel",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rendering.set_defaults(
        run=lambda options: render(options.filename, options.namespace, options.api_versions)
    )
    rendering.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        action="append",
        required=True,
        help="file with one or more YAML or JSON documents, - for standard input; may be repeated; "
        "objects of other kinds in it are passed over",
    )
    rendering.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        help="namespace of models that name none (default: default)",
    )
    rendering.add_argument(
        "--api-versions",
        metavar="GROUP/VERSION",
        action="append",
        default=[],
        help="an optional API that the cluster serves: monitoring.coreos.com/v1 for a ServiceMonitor, "
        "keda.sh/v1alpha1 for a ScaledObject; may be repeated",
    )


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise RefusedError(
            *(
                f"environment: SIROCCO_{'_'.join(map(str, detail['loc'])).upper()}: {detail['msg']}"
                for detail in error.errors()
            )
        ) from error
