"""The objects that make up a model: one module a kind, one pure function each."""
