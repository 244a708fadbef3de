"""The pod that serves a model: one module a concern."""
