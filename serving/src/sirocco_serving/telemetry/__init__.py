"""What a request leaves behind: metrics, a line in the log, a span, its count of tokens."""
