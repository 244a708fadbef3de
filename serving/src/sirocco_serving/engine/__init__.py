"""All that touches vLLM: its engine, its client, its plugins and the way it dies."""
