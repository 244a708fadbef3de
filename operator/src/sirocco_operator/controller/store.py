"""What the cluster holds, as far as the controller cares: primary objects, their children and their pods.

Objects are kept as JSON text: a tenth of the memory of dictionaries, and a reader cannot change them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

Manifest = Mapping[str, Any]

# Of so many deleted objects the store knows that they were: lists take seconds.
MOST_DELETED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """Which primary object: the unit of work."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """One object of the API: kind as `apiVersion/Kind`."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    version: int
    content: int
    controller: str
    owner: Key | None
    text: bytes


def kind_of(manifest: Manifest) -> str:
    """The kind as the store names it."""
    return f"{manifest['apiVersion']}/{manifest['kind']}"


def identity(manifest: Manifest) -> Identity:
    """Which object a manifest is."""
    metadata = manifest["metadata"]
    return Identity(kind_of(manifest), metadata.get("namespace", ""), metadata["name"])


def controller_uid(manifest: Manifest) -> str:
    """The uid of the owner that controls the object; empty without one."""
    for reference in manifest["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""


def content_of(manifest: Manifest) -> int:
    """A hash of an object without its status, which stays the same when only the status is written."""
    metadata = manifest["metadata"]
    written = [each for each in metadata.get("managedFields") or () if each.get("subresource") != "status"]
    kept = {**metadata, "managedFields": written, "resourceVersion": ""}
    return hash(orjson.dumps({**manifest, "metadata": kept, "status": None}))


class Store:
    """The newest known version of each object; older ones and the deleted never replace it.

    `owner` finds the primary object that an object belongs to, None for the primary kind itself and for
    strangers. `observed` are the kinds of children whose status matters. Used from one event loop only.
    """

    def __init__(
        self,
        primary_kind: str,
        pod_kind: str,
        owner: Callable[[Manifest], Key | None],
        observed: Collection[str] = (),
    ) -> None:
        self._primary_kind = primary_kind
        self._pod_kind = pod_kind
        self._owner = owner
        self._observed = {primary_kind, pod_kind, *observed}
        self._entries: dict[Identity, _Entry] = {}
        self._belongings: dict[Key, set[Identity]] = {}
        # How many pods that belong to a primary object, there or not, each namespace has.
        self._pods: Counter[str] = Counter()
        # Uids of what was deleted, and when: a list that began before must not bring them back. A newer
        # version may: to a watch with a selector, an object is deleted while it lacks the label.
        self._deleted: dict[str, int] = {}

    def put(self, manifest: Manifest, text: bytes = b"") -> list[Key]:
        """Take in a version of an object; the keys to work on when it is news: its owner, and the one before.

        A status that does not matter is no news.

        `text` is the manifest as JSON, where the caller has it.
        """
        metadata = manifest["metadata"]
        which, version, uid = identity(manifest), int(metadata["resourceVersion"]), str(metadata["uid"])
        known = self._entries.get(which)
        if version <= self._deleted.get(uid, -1) or (known is not None and known.version >= version):
            return []
        owner = self._key(which, manifest)
        before = known.owner if known is not None else None
        if before is not None and before != owner:
            self._disown(before, which)
        if owner is not None and owner != before and which.kind != self._primary_kind:
            self._own(owner, which)
        is_child = which.kind not in (self._primary_kind, self._pod_kind)
        found = content_of(manifest) if is_child else version
        # Of what belongs to nobody only the version is of use.
        text = (text or orjson.dumps(manifest)) if owner is not None else b""
        self._entries[which] = _Entry(uid, version, found, controller_uid(manifest), owner, text)
        if known is not None and known.content == found and which.kind not in self._observed:
            return []
        return [key for key in dict.fromkeys((owner, before)) if key is not None]

    def remove(self, manifest: Manifest) -> Key | None:
        """Forget a deleted object; the key to work on, None when it was not known.

        One of which a newer version is known only lacked the label for a while.
        """
        uid, version = str(manifest["metadata"]["uid"]), int(manifest["metadata"]["resourceVersion"])
        known = self._entries.get(which := identity(manifest))
        if known is not None and known.uid == uid and known.version > version:
            return None
        self._bury(uid, version)
        return self._drop(which) if known is not None and known.uid == uid else None

    def vanished(self, kind: str, present: set[str], version: int, namespaces: tuple[str, ...]) -> list[Key]:
        """Forget objects of a kind that a list of `namespaces` (all when empty) at `version` did not show.

        `present` are the uids that it did show. Returns the keys to work on.
        """
        gone = [
            which
            for which, entry in self._entries.items()
            if which.kind == kind
            and entry.uid not in present
            and entry.version <= version
            and (not namespaces or which.namespace in namespaces)
        ]
        for which in gone:
            # Only older versions are: a list may have lacked what is there, and the next one has it again.
            self._bury(self._entries[which].uid, self._entries[which].version - 1)
        return [key for which in gone if (key := self._drop(which)) is not None]

    def read(self, which: Identity) -> dict[str, Any] | None:
        """An object, None when it is not known; what the reader changes stays out of the store."""
        entry = self._entries.get(which)
        if entry is None or not entry.text:
            return None
        manifest: dict[str, Any] = orjson.loads(entry.text)
        return manifest

    def content(self, which: Identity) -> int | None:
        """`content_of` a child, the version of any other object; None when it is not known."""
        entry = self._entries.get(which)
        return None if entry is None else entry.content

    def belongs(self, which: Identity) -> bool:
        """Whether an object is known and belongs to a primary object, there or not."""
        entry = self._entries.get(which)
        return entry is not None and entry.owner is not None

    def primary(self, key: Key) -> dict[str, Any] | None:
        """The primary object of a key."""
        return self.read(Identity(self._primary_kind, key.namespace, key.name))

    def primary_keys(self) -> Iterator[Key]:
        """The keys of all primary objects."""
        for which in list(self._entries):
            if which.kind == self._primary_kind:
                yield Key(which.namespace, which.name)

    def children(self, key: Key, uid: str) -> dict[Identity, int]:
        """The objects that the primary object with this uid controls, pods aside, with `content_of` each."""
        return {
            which: entry.content
            for which in self._belongings.get(key, ())
            if which.kind != self._pod_kind and (entry := self._entries[which]).controller == uid
        }

    def is_uncontrolled(self, which: Identity) -> bool:
        """Whether an object is known and nobody controls it."""
        entry = self._entries.get(which)
        return entry is not None and not entry.controller

    def child(self, key: Key, uid: str, kind: str) -> dict[str, Any] | None:
        """The first child of this kind that the primary object with this uid controls; None without one."""
        which = next((each for each in self.children(key, uid) if each.kind == kind), None)
        return None if which is None else self.read(which)

    def size(self, key: Key) -> int:
        """How many children and pods a primary object has, those of its namesakes too."""
        return len(self._belongings.get(key, ()))

    def pods_of_namespace(self, namespace: str) -> int:
        """How many pods of all its primary objects a namespace has, of those that are not there too."""
        return self._pods[namespace]

    def pods(self, key: Key) -> list[dict[str, Any]]:
        """The pods of a primary object, by name."""
        names = [which for which in self._belongings.get(key, ()) if which.kind == self._pod_kind]
        return [pod for which in sorted(names, key=lambda w: w.name) if (pod := self.read(which))]

    def _key(self, which: Identity, manifest: Manifest) -> Key | None:
        return Key(which.namespace, which.name) if which.kind == self._primary_kind else self._owner(manifest)

    def _drop(self, which: Identity) -> Key | None:
        entry = self._entries.pop(which)
        if entry.owner is not None:
            self._disown(entry.owner, which)
        return entry.owner

    def _own(self, owner: Key, which: Identity) -> None:
        self._belongings.setdefault(owner, set()).add(which)
        if which.kind == self._pod_kind:
            self._pods[which.namespace] += 1

    def _disown(self, owner: Key, which: Identity) -> None:
        belongings = self._belongings.get(owner, set())
        if which not in belongings:
            return
        belongings.remove(which)
        if not belongings:
            del self._belongings[owner]
        if which.kind == self._pod_kind:
            self._pods[which.namespace] -= 1
            if not self._pods[which.namespace]:
                del self._pods[which.namespace]

    def _bury(self, uid: str, version: int) -> None:
        self._deleted[uid] = max(version, self._deleted.pop(uid, version))
        while len(self._deleted) > MOST_DELETED:
            del self._deleted[next(iter(self._deleted))]
