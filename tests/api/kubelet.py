"""Model pods without a kubelet: placed, made ready, and answering for a load that they share."""

import contextlib
import ipaddress
import random
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.api.client import ApiError, Client, Object
from tests.api.metrics_api import ModelPod, exposition, make_ready

_SECONDS = 0.1
# Of the loopback network, 127.100.0.0 to 127.199.255.255, in random order: another run takes others.
_FIRST = int(ipaddress.IPv4Address("127.100.0.0"))
_ADDRESSES = map(ipaddress.IPv4Address, random.sample(range(_FIRST, _FIRST + 100 * 2**16), 10_000))


class Kubelet:
    """Serves the pods of a namespace while it is entered; deleted pods end at once.

    `in_flight` requests are spread over the ready pods as evenly as whole requests can be. Pods become ready
    up to `most_ready` of them; the others run and load.
    """

    def __init__(self, client: Client, namespace: str, most_ready: int = 1000) -> None:
        self._client = client
        self._namespace = namespace
        self.in_flight = 0
        self.most_ready = most_ready
        self._pods: dict[str, ModelPod] = {}
        self._loading: dict[str, ModelPod] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kubelet of {namespace}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        # The namespace can only go when its pods are gone, and nobody else would end them.
        for pod in self._client.objects("Pod", self._namespace):
            self._end(pod["metadata"]["name"])

    def _run(self) -> None:
        while not self._stop.wait(_SECONDS):
            pods = self._client.objects("Pod", self._namespace)
            for pod in pods:
                name = pod["metadata"]["name"]
                if pod["metadata"].get("deletionTimestamp"):
                    self._end(name)
                elif name not in self._pods:
                    # A pod that was taken away since the list is not there to be started.
                    with contextlib.suppress(ApiError):
                        self._start(name)
            self._share(pods)

    def _start(self, name: str) -> None:
        if name not in self._loading:
            address = str(next(_ADDRESSES))
            self._loading[name] = ModelPod(address).__enter__()
            make_ready(self._client, self._namespace, name, address, ready=False)
        if len(self._pods) < self.most_ready:
            pod = self._pods[name] = self._loading.pop(name)
            make_ready(self._client, self._namespace, name, pod.address)

    def _end(self, name: str) -> None:
        for pods in (self._pods, self._loading):
            if name in pods:
                pods.pop(name).__exit__()
        path = self._client.path("Pod", self._namespace, name)
        # One that is gone already is as good.
        self._client.raw("DELETE", path, gracePeriodSeconds="0")

    def _share(self, pods: Sequence[Object]) -> None:
        serving = sorted(name for pod in pods if (name := pod["metadata"]["name"]) in self._pods)
        for number, name in enumerate(serving):
            share, rest = divmod(self.in_flight, len(serving))
            self._pods[name].text = exposition(share + (number < rest))
