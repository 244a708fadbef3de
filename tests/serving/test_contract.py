"""The contract of a model pod, on a real vLLM in a container."""

from tests.contract import every_test

vars().update(every_test())
