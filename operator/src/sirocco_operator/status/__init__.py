"""Computes a model's status from observed objects alone."""
