"""Where everything is kept: one cache folder for all clones on the machine."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sirocco"
BIN = CACHE / "bin"
"""Tools for people and tests; belongs first on PATH."""

NODE_BIN = CACHE / "node-bin"
"""What only the node image takes; never on PATH, it would hide the host's containerd."""

LOGS = CACHE / "logs"
WORK = CACHE / "work"
"""Unfinished work; nothing in it is needed after a run."""
