"""What every layer knows of a request: its path, and what the layers outside have found out."""
