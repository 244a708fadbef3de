"""Bringing up what the tests and the demo run on: the cluster with the images of this tree."""

import subprocess
import sys

from tests.kind.paths import REPOSITORY


class ClusterError(Exception):
    """The cluster or its images could not be made; what went wrong has been printed."""


def ensure() -> None:
    """Bring up the cluster and load the images; quick when all is there. Raises ClusterError."""
    for command in ("up", "load"):
        done = subprocess.run([sys.executable, "-m", "tests.kind", command], cwd=REPOSITORY)
        if done.returncode:
            raise ClusterError(f"`python -m tests.kind {command}` failed, see above")
