"""A model without Kubernetes: a server told by variables, and a client in your own process."""

from sirocco_serving.local.client import VLLMClient

__all__ = ["VLLMClient"]
