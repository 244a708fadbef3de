"""The HTTP surface around vLLM in every model pod."""
