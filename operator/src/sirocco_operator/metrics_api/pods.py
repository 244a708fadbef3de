"""Finds the pods to scrape in the operator's store, without an API call."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sirocco_operator.children.internal_secret import internal_secret_name
from sirocco_operator.children.labels import MODEL_LABEL
from sirocco_operator.controller.store import Key, Store
from sirocco_operator.metrics_api.documents import HttpError
from sirocco_operator.metrics_api.scraper import Target
from sirocco_operator.metrics_api.selectors import Requirement, only_value
from sirocco_operator.reconcile.master_secret import derive_internal_key
from sirocco_operator.reconcile.pod_owners import PodOwners
from sirocco_operator.status import pods


class ReadyPods:
    """The Ready pods of models, as scrape targets."""

    def __init__(
        self,
        store: Store,
        owners: PodOwners,
        synced: Callable[[], bool],
        master: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._store = store
        self._owners = owners
        self._synced = synced
        self._master = master

    def models(self, namespace: str, selector: tuple[Requirement, ...]) -> Sequence[Key]:
        """The models whose pods the selector may match; raises HttpError 503 before the first sync."""
        if not self._synced():
            raise HttpError(503, "the operator has just begun, and does not know all pods yet: ask again")
        name = only_value(selector, MODEL_LABEL)
        if name is not None:
            return [Key(namespace, name)]
        return [key for key in self._store.primary_keys() if key.namespace == namespace]

    async def targets(self, model: Key) -> Sequence[Target]:
        """The scrape targets of a model; raises ApiError when the Secret of the master key cannot be read."""
        owner = self._store.primary(model)
        if owner is None:
            return ()
        ready = await self._owners.own(
            model, [pod for pod in self._store.pods(model) if _takes_requests(pod)]
        )
        key: str | None = None
        if any(_has_key(pod, model) for pod in ready):
            key = derive_internal_key(await self._master(), model, owner["metadata"]["uid"])
        return [
            Target(
                pod=pod["metadata"]["name"],
                uid=pod["metadata"]["uid"],
                labels=pod["metadata"].get("labels") or {},
                address=pod["status"]["podIP"],
                key=key if _has_key(pod, model) else None,
            )
            for pod in ready
        ]


def _takes_requests(pod: Mapping[str, Any]) -> bool:
    """Whether the pod receives requests: it is ready, has an address and is not terminating."""
    return pods.is_ready(pod) and bool(pod["status"].get("podIP")) and not pods.is_terminating(pod)


def _has_key(pod: Mapping[str, Any], model: Key) -> bool:
    """Whether this pod requires the internal key; during a rollout pods can differ."""
    return any(
        (volume.get("secret") or {}).get("secretName") == internal_secret_name(model.name)
        for volume in pod["spec"].get("volumes") or ()
    )
