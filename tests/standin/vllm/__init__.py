"""The few names of vLLM that the serving layer uses, over an engine that makes up its tokens."""

from .sampling_params import SamplingParams

__all__ = ["SamplingParams"]
