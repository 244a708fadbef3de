"""Whether a rollout goes on in place, because a pod beside the old ones finds no free GPU."""

import time
from collections.abc import Callable, Sequence

from sirocco_operator.api.v1alpha1 import InferenceModel, RolloutStrategy
from sirocco_operator.controller.store import Key, Manifest
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Observed
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.rollout import is_in_place


class SurgeWaits:
    """Remembers since when each model's rollout waits for a GPU; `seconds` is how long it may."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[Key, float] = {}

    def forget(self, key: Key) -> None:
        """Drop what is kept of a model that is gone."""
        self._since.pop(key, None)

    def in_place(
        self, key: Key, model: InferenceModel, deployment: Manifest | None, model_pods: Sequence[Manifest]
    ) -> bool:
        """Whether the Deployment is to free an old pod's GPUs first.

        Without a strategy in the spec it is, once a pod has waited long enough and others serve meanwhile,
        and until that rollout is over.
        """
        strategy = model.spec.rollout.strategy
        if strategy is not None or deployment is None:
            return strategy is RolloutStrategy.IN_PLACE
        state = ModelState(model, Observed(deployment, model_pods))
        if not state.is_rolling_out or state.wanted_replicas < 2:
            return False
        return is_in_place(state) or self._left(key) == 0

    def note(self, key: Key, reason: str) -> float | None:
        """Take in the model's reason; in how many seconds the wait is over, None when there is none."""
        if reason != Reason.ROLLOUT_NEEDS_GPU:
            self._since.pop(key, None)
            return None
        self._since.setdefault(key, self._clock())
        return self._left(key) or None

    def _left(self, key: Key) -> float:
        since = self._since.get(key)
        return self._seconds if since is None else max(0.0, self._seconds - (self._clock() - since))
