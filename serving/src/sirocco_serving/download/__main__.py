"""`python3 -m sirocco_serving.download`: the init container of a pod whose model is `hf://`."""

import argparse
import os
import signal
import sys
from pathlib import Path

from sirocco_serving.download import hub
from sirocco_serving.download.failure import DownloadError
from sirocco_serving.download.files import needed
from sirocco_serving.download.progress import STALLED_SECONDS, serve_progress, watch_for_stall
from sirocco_serving.download.volume import Place


def say(line: str) -> None:
    """Prints one line of the log."""
    print(line, flush=True)  # noqa: T201


def fail(error: DownloadError) -> None:
    """Ends the process with the error as its last line, also while threads run."""
    print(error, file=sys.stderr, flush=True)  # noqa: T201
    os._exit(1)


def download(place: Place) -> None:
    """Downloads the model to the place. Needs no network when the place is complete.

    Raises DownloadError.
    """
    if place.complete():
        say(f"{place.target} is complete")
        return
    try:
        with place.locked(lambda: say("another replica is downloading: waiting for it")):
            if place.complete():
                say(f"{place.target} was completed by another replica")
            else:
                _fetch(place)
    except DownloadError:
        raise
    except Exception as error:
        raise hub.explain(error, place) from None


def _fetch(place: Place) -> None:
    snapshot = hub.inspect(place)
    files = needed(snapshot.sizes)
    total = sum(files.values())
    place.announce(total)
    place.prepare(snapshot.commit)
    place.require_space(total)
    say(f"downloading {len(files)} files, {total} bytes, of {place.repository} at {snapshot.commit}")
    stalled = DownloadError(
        "stalled",
        f"no byte of hf://{place.repository} came for {STALLED_SECONDS:g} s: "
        "the hub or the network is stuck; the next try goes on from here",
    )
    watch = watch_for_stall(place.done_bytes, lambda: fail(stalled))
    try:
        hub.fetch(place, snapshot.commit, files)
    finally:
        watch.set()
    place.mark_complete()
    say(f"{place.target} is complete")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m sirocco_serving.download", description=__doc__)
    parser.add_argument("--repository", required=True, metavar="ORG/NAME")
    parser.add_argument("--revision", default="main")
    parser.add_argument("--target", required=True, type=Path)
    parser.add_argument("--progress-port", required=True, type=int)
    return parser.parse_args(arguments)


def main() -> None:
    """Runs the command."""
    arguments = parse()
    # The first process of a container ignores SIGTERM without a handler.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    place = Place(arguments.target, arguments.repository, arguments.revision)
    try:
        serve_progress(place, arguments.progress_port)
        download(place)
    except DownloadError as error:
        fail(error)
    except OSError as error:
        fail(DownloadError("failed", f"port {arguments.progress_port} for the progress: {error.strerror}"))


if __name__ == "__main__":
    main()
