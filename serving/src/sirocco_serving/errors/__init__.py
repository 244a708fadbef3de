"""Errors: of one request, of vLLM, and of a start."""
