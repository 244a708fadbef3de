"""Builds the pod that serves a model: one module for each concern."""
