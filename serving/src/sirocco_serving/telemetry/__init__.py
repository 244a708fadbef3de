"""Metrics, the request log, traces and the counts of tokens."""
