"""Builds the objects of a model: one module and one pure function for each kind."""
