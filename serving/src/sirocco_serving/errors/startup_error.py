"""The one way to refuse to start."""


def startup_message(code: str, sentence: str) -> str:
    """The line that tells why the server does not start."""
    return f"sirocco serving: {code}: {sentence}"


class StartupError(SystemExit):
    """Ends the process with one line on stderr, `sirocco serving: CODE: SENTENCE`, and exit status 1.

    It is a SystemExit since vLLM goes on without a plugin that raises an ordinary exception.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(startup_message(code, sentence))
