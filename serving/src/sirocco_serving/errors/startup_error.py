"""The error that stops a server before it starts."""


def startup_message(code: str, sentence: str) -> str:
    """Returns the line that says why the server does not start."""
    return f"sirocco serving: {code}: {sentence}"


class StartupError(SystemExit):
    """Ends the process with exit status 1 and one line on stderr, `sirocco serving: CODE: SENTENCE`.

    It is a SystemExit because vLLM goes on without a plugin that raises an ordinary exception.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(startup_message(code, sentence))
