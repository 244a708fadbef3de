"""What the commands share: how a command is added, and how it refuses."""

import argparse
from typing import Any, Protocol


class Commands(Protocol):
    """What argparse gives to add commands to."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """A new command's parser."""


class RefusedError(Exception):
    """What the user must change, a line each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
