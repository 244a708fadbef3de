"""What a pass over the children of a model starts from, and what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sirocco_operator.children.revision import Update
from sirocco_operator.controller.store import Identity, Manifest
from sirocco_operator.kube.kinds import Kind
from sirocco_operator.reconcile.revisions import Starts


@dataclass(frozen=True)
class Request:
    """What the children of a model are built from."""

    uid: str
    generation: int
    available: frozenset[Kind]
    witness: Manifest | None
    retry: str
    starts: Starts
    may_update: bool
    in_place: bool


@dataclass(frozen=True)
class Convergence:
    """What became of the children: whether one was created, and in how many seconds to look again."""

    created: bool = False
    again_after: float | None = None
    taken_back: str = ""
    """Why the revision that the spec asks for was taken back."""
    update: Update = Update.NONE


@dataclass(frozen=True)
class Converged:
    """The children were as wanted for this request, with this content."""

    request: Request
    contents: Mapping[Identity, int]
    taken_back: str
    update: Update
