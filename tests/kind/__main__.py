"""`python -m tests.kind`: tools, cluster and images for development and tests."""

import argparse
import os
import shlex
import sys

from tests.kind import cluster, docker, host, images, leftovers, ready, tools
from tests.kind.paths import REPOSITORY
from tests.kind.steps import StepError, one_at_a_time, say


def main() -> int:
    """Run one command; a failure ends with its cause and advice on the error output."""
    parser = argparse.ArgumentParser(prog="python -m tests.kind", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("tools", help="build the pinned tools that are not current")
    building.add_argument(
        "--for", dest="groups", action="append", choices=sorted(tools.GROUPS), help="only these"
    )
    commands.add_parser("prepare", help="build what `make test` needs: tools, images and the node's image")
    up = commands.add_parser("up", help="bring up the cluster, and Docker where there is none")
    whole = commands.add_parser("ready", help="bring up the cluster with the images loaded")
    whole.add_argument("--demo", action="store_true", help="only the images of the demo")
    for command in (up, whole):
        command.add_argument("--gpus", type=int, default=8, help="fake GPUs of the node (default: 8)")
    commands.add_parser("images", help="build the project's images that are not current")
    commands.add_parser("load", help="build the images and load those that the node lacks")
    commands.add_parser("down", help="remove the cluster, and Docker if `up` started it")
    commands.add_parser("status", help="say what is there")
    commands.add_parser("env", help='print shell exports for the tools: eval "$(python -m tests.kind env)"')
    options = parser.parse_args()
    os.environ.update(docker.environment())
    try:
        return _run(options)
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "env":
        for name, value in docker.environment().items():
            say(f"export {name}={shlex.quote(value)}")
        return 0
    if options.command == "status":
        return _status()
    with one_at_a_time():
        leftovers.clear_work()
        match options.command:
            case "tools":
                tools.ensure(*(options.groups or sorted(tools.GROUPS)))
            case "prepare":
                ready.prepare()
            case "up":
                host.ensure_docker()
                cluster.ensure(options.gpus)
            case "ready":
                ready.ensure(options.gpus, demo=options.demo)
            case "images":
                host.ensure_docker()
                images.ensure()
            case "load":
                _require_cluster()
                images.ensure()
                images.load()
            case "down":
                if docker.answers():
                    cluster.delete()
                host.stop_docker()
    return 0


def _require_cluster() -> None:
    if not docker.answers() or not cluster.is_ready():
        raise StepError("There is no ready cluster to load images into: run `make cluster` first.")


def _status() -> int:
    """Say what is there; 0 when the cluster is ready."""
    stale = sorted({tool.name for group in tools.GROUPS.values() for tool in group if not tool.is_current()})
    say(f"tools    {'current' if not stale else 'to build: ' + ', '.join(stale)}")
    if not docker.answers():
        say("docker   does not answer")
        say("cluster  none")
        return 1
    own = host.started_here()
    say(f"docker   answers{f', started from here (process {own})' if own else ''}")
    ready = cluster.is_ready()
    say(f"cluster  {'ready' if ready else 'not ready' if cluster.exists() else 'none'}")
    for image in images.IMAGES:
        key = docker.image_key(image.tag)
        current = key == images.image_key(image, REPOSITORY)
        say(f"image    {image.tag}: {'current' if current else 'missing' if key is None else 'stale'}")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
