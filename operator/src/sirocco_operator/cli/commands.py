"""What all commands share: the parser that they join, and the error that they raise."""

import argparse
from typing import Any, Protocol


class Commands(Protocol):
    """The object that argparse returns for adding commands."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """Add a command and return its parser."""


class RefusedError(Exception):
    """Input that the command refuses; `lines` say what to change."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
