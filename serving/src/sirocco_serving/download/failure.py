"""The error of a download, which becomes one line in the status of the pod."""


class DownloadError(Exception):
    """A cause that a person can act on. Its message is the last line of the process on stderr."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"sirocco download: {code}: {sentence}")
        self.code = code
