"""What is true of a model now, told from observed objects alone."""
