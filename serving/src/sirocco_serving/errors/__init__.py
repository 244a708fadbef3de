"""The one format of error answers, and the error that stops a start."""
