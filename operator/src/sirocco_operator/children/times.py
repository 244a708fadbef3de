"""How long a model server may take to start and to stop, in seconds."""

from typing import Final

# Loading a large model from a slow disk takes up to half an hour.
STARTUP_BUDGET: Final = 1800
# Added to the startup budget for scheduling, pulling a large image and downloading weights.
PROGRESS_MARGIN: Final = 600

# A Service keeps sending requests for a while after a pod is deleted; the pod serves them normally.
PRE_STOP: Final = 10
# Longer than uvicorn's keep-alive of 5 s, so that every pooled connection gets `Connection: close`.
SETTLE: Final = 6
# How long a generation in flight may take to finish.
DRAIN: Final = 600
# For the engine's exit after the last answer.
EXIT_MARGIN: Final = 30

TERMINATION_GRACE: Final = PRE_STOP + SETTLE + DRAIN + EXIT_MARGIN
