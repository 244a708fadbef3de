"""vLLM's family of errors that a client causes."""


class VLLMClientError(Exception):
    """A request that cannot be served as asked."""
