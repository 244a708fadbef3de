"""Finds fields that somebody wrote and the API server dropped, because the schema does not know them.

A stored resource does not have them any more. Only `kubectl apply`, and tools that apply as it does, keep
what was written, in an annotation.
"""

import json
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from sirocco_operator.api.crd.definition import resource_schema
from sirocco_operator.api.parse import parse
from sirocco_operator.api.unknown_fields import pruned, unknown_fields
from sirocco_operator.api.v1alpha1 import InferenceModel

# More of them fit into no status, and each takes time to find a near name for.
_MOST: Final = 10
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def dropped_fields(model: InferenceModel) -> tuple[str, ...]:
    """The first dropped fields, each as `path: sentence`.

    Empty where the annotation tells of another spec than this: whoever has changed the spec since then may
    have put them right.
    """
    try:
        written = json.loads(model.metadata.annotations.get(LAST_APPLIED, ""))
        spec = written["spec"]
        found = tuple(islice(unknown_fields(spec, _schema(), "spec"), _MOST))
        if not found:
            return ()
        kept = parse({"metadata": model.metadata.model_dump(), "spec": pruned(spec, _schema())})
    except (ValueError, LookupError, TypeError, RecursionError):
        # Anybody may have written anything there.
        return ()
    return found if kept.spec == model.spec else ()


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = resource_schema()["properties"]["spec"]
    return schema
