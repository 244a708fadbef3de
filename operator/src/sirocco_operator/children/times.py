"""How long a model server may take to start and to stop, in seconds."""

from typing import Final

from sirocco_operator.api.v1alpha1 import InferenceModel

# Added to the startup budget for scheduling, pulling a large image and downloading weights.
PROGRESS_MARGIN: Final = 600

# A Service keeps sending requests for a while after a pod is deleted; the pod serves them normally.
PRE_STOP: Final = 10
# Longer than uvicorn's keep-alive of 5 s, so that every pooled connection gets `Connection: close`.
SETTLE: Final = 6
# For the engine's exit after the last answer.
EXIT_MARGIN: Final = 30


def startup_budget(model: InferenceModel) -> int:
    """From the start of the engine to its first token."""
    return model.spec.startup.budget_seconds


def progress_deadline(model: InferenceModel) -> int:
    """From the making of a pod to its readiness."""
    return startup_budget(model) + PROGRESS_MARGIN


def drain(model: InferenceModel) -> int:
    """How long requests in flight may take to finish."""
    return model.spec.drain.timeout_seconds


def termination_grace(model: InferenceModel) -> int:
    """From the deletion of a pod to its end."""
    return PRE_STOP + SETTLE + drain(model) + EXIT_MARGIN
