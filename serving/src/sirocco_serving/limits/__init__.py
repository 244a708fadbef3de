"""The limits of one request: the size of its body, the numbers in it, and denied prompts."""
