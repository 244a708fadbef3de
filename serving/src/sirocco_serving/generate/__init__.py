"""`POST /generate`, `POST /generate/batch`, and the OpenAPI document of our routes."""
