"""Answers to deterministic requests, kept and sent again."""
