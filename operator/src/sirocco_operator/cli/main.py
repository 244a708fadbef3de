"""The command line `sirocco`, also called `kubectl sirocco`."""

import argparse
import sys
from collections.abc import Sequence

from sirocco_operator.cli import explain, keys, render
from sirocco_operator.cli.commands import RefusedError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        output: str = options.run(options)
    except RefusedError as refused:
        sys.stderr.writelines(f"sirocco: {line}\n" for line in refused.lines)
        return 1
    sys.stdout.write(output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sirocco", description="Serve large language models on Kubernetes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    render.add_parser(commands)
    keys.add_parser(commands)
    explain.add_parser(commands)
    return parser
