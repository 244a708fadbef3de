"""How far the downloads of models' pods are, as the pods themselves tell."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sirocco_operator.children.pod.weights import PROGRESS_PORT
from sirocco_operator.controller.store import Key, Manifest
from sirocco_operator.reconcile.pod_client import Bounds, PodClient, Unanswered
from sirocco_operator.reconcile.pod_owners import PodOwners
from sirocco_operator.status.observed import Download

log = logging.getLogger(__name__)

# Seconds until an answer is worth another.
DOWNLOAD_SECONDS: Final = 5.0
# A pass waits so many seconds for answers; later ones are told by the next pass.
_PATIENCE_SECONDS: Final = 0.25
# Pods of one model that are asked; the others are in the same state.
_PODS_ASKED: Final = 8
# An answer has less than 100 bytes.
_BOUNDS: Final = Bounds(
    answer_seconds=2.0, wait_seconds=10.0, body_bytes=4096, at_once=64, at_once_of_model=_PODS_ASKED
)
# A pebibyte: no model has a thousandth of it.
_MOST_BYTES: Final = 2**50


@dataclass(frozen=True)
class _Question:
    """Asking a model's pods, since when, and what they answered before."""

    asked_at: float
    before: Mapping[str, Download]
    answers: asyncio.Task[Mapping[str, Download]]


class DownloadProgress:
    """Asks pods beside the passes, so that slow ones hold up none."""

    def __init__(self, owners: PodOwners, clock: Callable[[], float] = time.monotonic) -> None:
        self._owners = owners
        self._clock = clock
        self._pods = PodClient(_BOUNDS)
        self._questions: dict[Key, _Question] = {}

    def close(self) -> None:
        """End what is under way."""
        for key in list(self._questions):
            self.forget(key)

    def forget(self, model: Key) -> None:
        """Drop what is kept of a model without downloads."""
        if (question := self._questions.pop(model, None)) is not None:
            question.answers.cancel()

    async def read(self, model: Key, pods: Sequence[Manifest]) -> Mapping[str, Download]:
        """The newest answers of the pods, which download, by their names."""
        if not pods:
            self.forget(model)
            return {}
        question = self._questions.get(model)
        # A little less than the time of the next pass, which must not find the same answers.
        oldest = self._clock() - DOWNLOAD_SECONDS * 0.8
        if question is None or (question.answers.done() and question.asked_at < oldest):
            before = {} if question is None else question.answers.result()
            answers = asyncio.create_task(self._ask(model, pods), name=f"downloads of {model}")
            question = self._questions[model] = _Question(self._clock(), before, answers)
            await asyncio.wait({answers}, timeout=_PATIENCE_SECONDS)
        return question.answers.result() if question.answers.done() else question.before

    async def _ask(self, model: Key, pods: Sequence[Manifest]) -> Mapping[str, Download]:
        own = (await self._owners.own(model, pods))[:_PODS_ASKED]
        answers = await asyncio.gather(*(self._ask_one(model, pod) for pod in own))
        return {
            pod["metadata"]["name"]: answer
            for pod, answer in zip(own, answers, strict=True)
            if answer is not None
        }

    async def _ask_one(self, model: Key, pod: Manifest) -> Download | None:
        try:
            address = pod["status"]["podIP"]
            return parse_progress(await self._pods.get(model, address, PROGRESS_PORT, "/progress"))
        except (Unanswered, ValueError) as error:
            log.debug("%s: the download of pod %s is not known: %s", model, pod["metadata"]["name"], error)
            return None


def parse_progress(answer: bytes) -> Download:
    """Read `{"done_bytes": int, "total_bytes": int or null}`; raises ValueError for what cannot be true."""
    told = orjson.loads(answer)
    if not isinstance(told, dict):
        raise ValueError("the answer is not an object")
    total = None if told.get("total_bytes") is None else _bytes(told["total_bytes"])
    done = _bytes(told.get("done_bytes"))
    if total is not None and done > total:
        raise ValueError("more is done than there is to do")
    return Download(done, total)


def _bytes(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_BYTES:
        raise ValueError("what is told is not a number of bytes")
    return value
