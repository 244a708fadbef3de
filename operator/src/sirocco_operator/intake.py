"""Takes in what was watched: the store learns it, and the models that it belongs to become work."""

from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.children.labels import MODEL_LABEL
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Key, Manifest, Store, identity, kind_of
from sirocco_operator.kube.kinds import MODEL, POD, Kind

# Events of children come in bursts, as controllers write one status after another: one pass serves them all.
_GATHER_SECONDS: Final = 0.03
# With each more object of a model than most have, a pass takes longer, and so waits longer for more events.
_USUAL_OBJECTS: Final = 25
_GATHER_SECONDS_EACH: Final = 0.002
# Anybody in a namespace may make pods with a model's labels, and evictions leave finished ones behind. More
# are not looked at: a model has 1,000 replicas at the most.
MOST_PODS: Final = 2500
MOST_FINISHED_PODS: Final = 50
# Of all models of a namespace together, those that are not there too: each label's value is another one's.
MOST_PODS_OF_NAMESPACE: Final = 10_000
# What of a pod's containers nobody here reads, and its author can make as long as an object may be.
_UNREAD: Final = ("args", "command", "env", "envFrom")


def owner_of(manifest: Manifest) -> Key | None:
    """The model that a child (by its controller) or a pod (by its label) belongs to."""
    metadata = manifest["metadata"]
    if kind_of(manifest) == POD.full_name:
        name = (metadata.get("labels") or {}).get(MODEL_LABEL)
        return Key(metadata["namespace"], name) if name else None
    for reference in metadata.get("ownerReferences") or ():
        group = reference["apiVersion"].rpartition("/")[0]
        if reference.get("controller") and reference["kind"] == MODEL.kind and group == MODEL.group:
            return Key(metadata["namespace"], reference["name"])
    return None


@dataclass(frozen=True)
class StoreSink:
    """Puts the objects of one kind into the store, and the models that they belong to on the queue.

    Events of children are gathered for a moment, but for a deletion and a change of more than the status,
    which are put right at once.
    """

    store: Store
    queue: WorkQueue[Key]
    kind: Kind
    namespace: str | None

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        """Take in a version of an object; `text` is it as JSON, where that is at hand."""
        if self.kind == POD:
            _shorten(manifest)
            text = b""
            if self._is_beyond(manifest):
                self.remove(manifest)
                return
        which = identity(manifest)
        before = self.store.content(which)
        keys = self.store.put(manifest, text)
        edited = self.kind != POD and before is not None and self.store.content(which) != before
        for key in keys:
            if self.kind == MODEL or edited:
                self.queue.add(key)
            else:
                self._gather(key)

    def remove(self, manifest: Manifest) -> None:
        """Take in that an object was deleted."""
        key = self.store.remove(manifest)
        if key is None:
            return
        if self.kind == POD and self.store.size(key) > MOST_FINISHED_PODS:
            self._gather(key)
        else:
            self.queue.add(key)

    def keep(self, present: set[str], version: int) -> None:
        """Take in that a list at this version had the objects with these uids, and no others."""
        namespaces = (self.namespace,) if self.namespace else ()
        for key in self.store.vanished(self.kind.full_name, present, version, namespaces):
            self.queue.add(key)

    def take(self, event: str | None, manifest: dict[str, Any]) -> None:
        """Take in an event of kopf's; the type is None for an object of its first list."""
        if event == "DELETED":
            self.remove(manifest)
        else:
            self.put(manifest)

    def _gather(self, key: Key) -> None:
        more = max(0, self.store.size(key) - _USUAL_OBJECTS)
        self.queue.add_after(key, _GATHER_SECONDS + _GATHER_SECONDS_EACH * more)

    def _is_beyond(self, pod: Manifest) -> bool:
        """Whether the pod is one too many of its model, or of its namespace."""
        owner = owner_of(pod)
        if owner is None:
            return False
        size = self.store.size(owner)
        known = self.store.belongs(identity(pod))
        if not known and self.store.pods_of_namespace(owner.namespace) >= MOST_PODS_OF_NAMESPACE:
            return True
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return size >= MOST_FINISHED_PODS
        return size >= MOST_PODS and not known


def _shorten(pod: dict[str, Any]) -> None:
    """Take out of a pod what is of no use here, most of its length: pods are never applied."""
    for name in ("managedFields", "annotations"):
        pod["metadata"].pop(name, None)
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for name in _UNREAD:
            container.pop(name, None)
