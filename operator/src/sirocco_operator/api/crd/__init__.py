"""Generates the CRD and its reference page from the API types."""
