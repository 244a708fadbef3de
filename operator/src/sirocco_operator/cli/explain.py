"""`sirocco explain`: prints why a model is as it is, from what these credentials may read of the cluster."""

import argparse
import asyncio
import os
from datetime import UTC, datetime
from typing import Final

from sirocco_operator.cli.commands import Commands, RefusedError
from sirocco_operator.cli.evidence import Evidence, gather
from sirocco_operator.cli.screen import screen
from sirocco_operator.controller.leader import Fenced
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.connection import current_namespace
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.lease import LEASE_NAME

_OPERATOR_NAMESPACE: Final = "sirocco-system"

_DESCRIPTION: Final = """\
Print why a model is as it is: its conditions, its pods and how their containers ended, the events, the lines
of the logs that tell an error, and what to do. It finds the reason itself, with the operator's own rules, so
that it also helps while no operator runs, and it says when the status is out of date. It only reads, as
kubectl does: $KUBECONFIG or ~/.kube/config, and its current context. What these credentials may not read is
named at the end."""
_EPILOG: Final = """\
examples:
  sirocco explain mistral
  kubectl sirocco explain mistral -n models
  kubectl exec -n sirocco-system deploy/sirocco-operator -- sirocco explain mistral -n models"""


def explain(options: argparse.Namespace) -> str:
    """Run `sirocco explain`: returns the screen; raises RefusedError."""
    namespace = options.namespace or current_namespace()
    try:
        evidence = asyncio.run(_read(namespace, options.name, options.operator_namespace))
    except ApiError as error:
        raise RefusedError(f"{namespace}/{options.name} cannot be read: {error.message}") from error
    if evidence is None:
        raise RefusedError(
            f"there is no InferenceModel {options.name} in the namespace {namespace}: "
            "`kubectl get inferencemodels -A` lists them, -n names the namespace"
        )
    return screen(evidence, datetime.now(UTC))


def add_parser(commands: Commands) -> None:
    """Add `explain` to the command line."""
    explaining = commands.add_parser(
        "explain",
        help="print why a model is as it is, and what to do",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explaining.set_defaults(run=explain)
    explaining.add_argument("name", metavar="NAME", help="the model's name")
    explaining.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        help="the model's namespace (default: kubectl's current one)",
    )
    explaining.add_argument(
        "--operator-namespace",
        metavar="NAMESPACE",
        default=os.environ.get("SIROCCO_NAMESPACE", _OPERATOR_NAMESPACE),
        help="where the operator runs, if nothing in the model's namespace tells (default: %(default)s)",
    )


async def _read(namespace: str, name: str, operator_namespace: str) -> Evidence | None:
    kube = await Kube.connect(lambda *_: None, _no_writes)
    try:
        return await gather(kube, namespace, name, f"{operator_namespace}/{LEASE_NAME}")
    finally:
        await kube.close()


def _no_writes() -> float:
    raise Fenced("this command only reads")
