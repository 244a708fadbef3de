"""What every layer may know of a request: its path, and what other layers found out."""
