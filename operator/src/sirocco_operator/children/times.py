"""How long a model server may take to start and to stop; all in seconds."""

from typing import Final

# Loading a large model from a slow disk takes up to half an hour.
STARTUP_BUDGET: Final = 1800
# Beyond the start-up budget: scheduling, pulling an image of many gigabytes, fetching weights.
PROGRESS_MARGIN: Final = 600

# A Service keeps sending for a while after a pod is deleted; the pod serves normally meanwhile.
PRE_STOP: Final = 10
# Longer than uvicorn's keep-alive of 5 s, so that every pooled connection is told to close.
SETTLE: Final = 6
# The longest that a generation in flight may take to finish.
DRAIN: Final = 600
# For the engine to exit after the last answer.
EXIT_MARGIN: Final = 30

TERMINATION_GRACE: Final = PRE_STOP + SETTLE + DRAIN + EXIT_MARGIN
