"""A model without Kubernetes: a server that variables configure, and a client in your own process."""

from sirocco_serving.local.client import VLLMClient

__all__ = ["VLLMClient"]
