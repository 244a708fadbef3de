"""Parses `model.uri`: where a model's weights come from.

The patterns use only what Python, RE2 (the API server) and the offline check have in common.
"""

import re
from dataclasses import dataclass
from typing import Final

HUB_SCHEME: Final = "hf://"
CLAIM_SCHEME: Final = "pvc://"
IMAGE_SCHEME: Final = "oci://"

# The hub's repository ids: https://huggingface.co/docs/hub/repositories
_HUB_PART: Final = "[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
HUB_PATTERN: Final = f"^hf://{_HUB_PART}/{_HUB_PART}$"
# A DNS-1123 subdomain, then path parts that cannot leave the claim, because none starts with a dot.
CLAIM_PATTERN: Final = "^pvc://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9_][A-Za-z0-9._@+=-]*)*$"
# An image reference: https://github.com/distribution/reference
IMAGE_PATTERN: Final = (
    "^oci://[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*"
    "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$"
)

DEFAULT_REVISION: Final = "main"

SCHEME_MESSAGE: Final = (
    "model.uri must start with hf://, pvc:// or oci://: hf://org/name is a repository of the Hugging Face "
    "hub, pvc://claim/path a folder of a PersistentVolumeClaim, oci://image an image that holds the weights"
)
HUB_MESSAGE: Final = (
    "model.uri with hf:// names one repository as hf://org/name, e.g. "
    "hf://mistralai/Mistral-7B-Instruct-v0.3; write a commit, tag or branch in model.revision"
)
CLAIM_MESSAGE: Final = (
    "model.uri with pvc:// is pvc://claim/path: a claim of the same namespace and a folder in it; each part "
    "of the path is letters, digits and ._@+=-, does not start with a dot, and there is no / at the end"
)
IMAGE_MESSAGE: Final = (
    "model.uri with oci:// is an image reference with a tag or an @sha256: digest, e.g. "
    "oci://registry.example.com/models/mistral:1"
)
REVISION_MESSAGE: Final = (
    "model.revision is for hf:// only: remove it, and choose the version in model.uri (the folder of "
    "pvc://, the tag or digest of oci://)"
)


@dataclass(frozen=True)
class HubSource:
    """A repository (`org/name`) of the Hugging Face hub at a commit, tag or branch."""

    repository: str
    revision: str


@dataclass(frozen=True)
class ClaimSource:
    """A folder in a PersistentVolumeClaim; an empty path is its root."""

    claim: str
    path: str


@dataclass(frozen=True)
class ImageSource:
    """An image whose root holds the weights, mounted as an image volume."""

    reference: str


ModelSource = HubSource | ClaimSource | ImageSource


def parse_uri(uri: str, revision: str | None) -> ModelSource:
    """Parse `model.uri` and `model.revision`; raises ValueError with a sentence that says what to change."""
    if uri.startswith(HUB_SCHEME):
        _require(HUB_PATTERN, uri, HUB_MESSAGE)
        return HubSource(uri.removeprefix(HUB_SCHEME), revision or DEFAULT_REVISION)
    if revision is not None and uri.startswith((CLAIM_SCHEME, IMAGE_SCHEME)):
        raise ValueError(REVISION_MESSAGE)
    if uri.startswith(CLAIM_SCHEME):
        _require(CLAIM_PATTERN, uri, CLAIM_MESSAGE)
        claim, _, path = uri.removeprefix(CLAIM_SCHEME).partition("/")
        return ClaimSource(claim, path)
    if uri.startswith(IMAGE_SCHEME):
        _require(IMAGE_PATTERN, uri, IMAGE_MESSAGE)
        return ImageSource(uri.removeprefix(IMAGE_SCHEME))
    raise ValueError(SCHEME_MESSAGE)


def _require(pattern: str, uri: str, message: str) -> None:
    if not re.fullmatch(pattern, uri):
        raise ValueError(message)
