"""Labels and annotations: what Kubernetes takes, and which are the operator's own."""

from typing import Annotated, Final

from pydantic import Field

from sirocco_operator.api.crd.kubernetes_rules import LABEL_VALUE, QUALIFIED_NAME
from sirocco_operator.api.crd.rules import Rule

LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
AnnotationValue = Annotated[str, Field(max_length=16_384)]

OPERATOR_LABELS: Final = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
)
OPERATOR_PREFIX: Final = "inference.sirocco.dev/"


def cel_list(values: tuple[str, ...]) -> str:
    """The values as a list of CEL."""
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def keys_are_qualified(field: str) -> Rule:
    """The keys of a map are those of labels and annotations."""
    return Rule(
        f"self.all(k, k.matches('{QUALIFIED_NAME}'))",
        f"{field} has a key that Kubernetes does not take: write name or prefix/name, where name is at most "
        "63 letters, digits and ._-, and prefix is a DNS name in lower case",
    )


def no_operator_labels(field: str, found: str) -> Rule:
    """Labels leave out those that the operator sets, and by which things are `found`."""
    return Rule(
        f"self.all(k, !(k in {cel_list(OPERATOR_LABELS)}) && !k.startsWith('{OPERATOR_PREFIX}'))",
        f"{field} may not set {', '.join(OPERATOR_LABELS)} or {OPERATOR_PREFIX}*: the operator finds {found} "
        "by them; choose other keys",
    )


def no_operator_annotations(field: str) -> Rule:
    """Annotations leave out those that the operator sets."""
    return Rule(
        f"self.all(k, !k.startsWith('{OPERATOR_PREFIX}'))",
        f"{field} may not set {OPERATOR_PREFIX}*, which the operator keeps for itself: choose other keys",
    )
