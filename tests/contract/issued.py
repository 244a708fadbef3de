"""Keys as a model's owner makes them, by `sirocco keys create`."""

import base64
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.contract.model import KEYS_SECRET, NAMES

ALICE: Final = "alice"
BOB: Final = "bob"
CAROL: Final = "carol"
ERIN: Final = "erin"
INTERNAL: Final = "internal"

CAROLS_REQUESTS: Final = 2
ERINS_TOKENS: Final = 5

# What each may do: all, one name of the model, few requests, few tokens.
HOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    ALICE: (),
    BOB: ("--models", NAMES[1]),
    CAROL: ("--requests-per-minute", str(CAROLS_REQUESTS)),
    ERIN: ("--requests-per-minute", "1000", "--tokens-per-minute", str(ERINS_TOKENS)),
}


@dataclass(frozen=True)
class Issued:
    """A new key, and the manifest of the Secret's entry that lets it in."""

    key: str
    manifest: str

    def entry(self, name: str) -> str:
        """The entry's text, as a pod sees it."""
        return base64.b64decode(yaml.safe_load(self.manifest)["data"][name]).decode()


def issue(name: str, *options: str) -> Issued:
    """Run `sirocco keys create`."""
    command = [str(Path(sys.executable).with_name("sirocco")), "keys", "create", name, *options]
    done = subprocess.run([*command, "--secret", KEYS_SECRET], capture_output=True, text=True, check=True)
    shown = re.search(r"sk-sirocco-\S+", done.stderr)
    assert shown, done.stderr
    assert shown.group() not in done.stdout
    return Issued(shown.group(), done.stdout)
