"""Bringing up what the tests and the demo run on: the cluster with the images of this tree."""

import subprocess
import sys

from tests.kind.paths import REPOSITORY


class ClusterError(Exception):
    """The cluster or its images could not be made; what went wrong has been printed."""


def ensure(*options: str) -> None:
    """Bring up the cluster with its images; quick when all is there. Raises ClusterError.

    `options` are those of the command `ready`.
    """
    done = subprocess.run([sys.executable, "-m", "tests.kind", "ready", *options], cwd=REPOSITORY)
    if done.returncode:
        raise ClusterError("`python -m tests.kind ready` failed, see above")
