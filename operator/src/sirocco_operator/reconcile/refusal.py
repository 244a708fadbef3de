"""What the API server's answer to a write of a child means.

By its code, reason and causes: words differ between versions, and may quote what a user has written.
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

import re
from typing import Final

from sirocco_operator.controller.store import Manifest
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import DEPLOYMENT, Kind
from sirocco_operator.status.observed import Refusal, RefusalCause

# What the API server answers to a write that its rules, a quota or a webhook do not allow. Where a webhook
# cannot be asked it answers 500, which may end by itself.
_REFUSALS: Final = (400, 403, 409, 422)
# Fields of our manifests that cannot change.
_IMMUTABLE: Final = {DEPLOYMENT: "spec.selector"}
# What can be wrong in a list that is merged by keys from parts of several writers.
_MERGED: Final = frozenset({"FieldValueDuplicate", "FieldValueRequired"})
_VOLUME: Final = re.compile(r"^spec\.template\.spec\.volumes\[(\d+)\]$")


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """The child cannot be written as things are."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Unserved(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """The cluster gives up the API of an optional kind."""


def refused(error: ApiError, kind: Kind, wanted: Manifest) -> Exception:
    """The exception to raise: Refused, Unserved, Retry, or the error itself on an outage."""
    name = wanted["metadata"]["name"]
    # A definition that is being deleted takes no new objects: 405, or 403 that only its words tell from a
    # quota's. At worst they make the operator leave an optional child out and try again.
    going = error.status == 403 and "definition is terminating" in error.message
    if kind.optional and (error.status in (404, 405) or going):
        return Unserved(f"{kind.kind} {name}: {error.message}")
    if error.status not in _REFUSALS:
        return error
    if error.status == 409:
        # Another was faster: also a quota, which several count at a time.
        return Retry(f"{kind.kind} {name}: {error.message}")
    if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
        return Retry(f"{kind.kind} {name}: {error.message}", 5)
    if _drops_image_volume(error, wanted):
        return unsupported(kind, name)
    if any(cause.field == _IMMUTABLE.get(kind) for cause in error.causes):
        return Refused(Refusal(RefusalCause.IMMUTABLE, kind.kind, name, _IMMUTABLE[kind]))
    return Refused(Refusal(RefusalCause.REJECTED, kind.kind, name, error.message))


def unsupported(kind: Kind, name: str) -> Refused:
    """The refusal of a Deployment whose image volumes the API server drops."""
    return Refused(Refusal(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED, kind.kind, name))


def is_of_merging(error: ApiError, wanted: Manifest) -> bool:
    """Whether the refusal may come from lists that are merged by keys, so that whole ones would be taken."""
    merged = error.status == 422 and any(cause.reason in _MERGED for cause in error.causes)
    return merged and not _drops_image_volume(error, wanted)


def _drops_image_volume(error: ApiError, wanted: Manifest) -> bool:
    # An API server without the feature drops the source of such a volume, and then misses one.
    volumes = wanted.get("spec", {}).get("template", {}).get("spec", {}).get("volumes") or ()
    missing = [_VOLUME.match(cause.field) for cause in error.causes if cause.reason == "FieldValueRequired"]
    numbers = [int(match[1]) for match in missing if match]
    return any(number < len(volumes) and volumes[number].get("image") for number in numbers)
