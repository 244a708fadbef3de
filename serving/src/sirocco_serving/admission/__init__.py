"""How many requests are in the engine at a time, and how the others wait."""
