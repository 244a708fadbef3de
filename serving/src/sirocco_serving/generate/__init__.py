"""`POST /generate` and `POST /generate/batch`, and the description of our routes."""
