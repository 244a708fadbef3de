"""All that touches vLLM: its engine, the guard around its client, its plugin and its crashes."""
