"""Fetches a model's weights from a Hugging Face hub into a volume, before vLLM starts."""
