"""How a download ends that cannot succeed: one line for the pod's status."""


class DownloadError(Exception):
    """A cause that a person can act on; its text is the process's last line on stderr."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"sirocco download: {code}: {sentence}")
        self.code = code
