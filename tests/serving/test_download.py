"""The download command against a hub on localhost."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sirocco_serving.download.progress import watch_for_stall
from sirocco_serving.download.volume import Place
from tests.serving.fake_hub import running
from tests.waiting import eventually

TOKEN = "hf_not-for-any-log"  # noqa: S105
# The hub library hands on what it received in blocks of 10 MiB: less than that is not resumed.
WEIGHTS = os.urandom(2**20) * 24
FILES = {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS, "pytorch_model.bin": b"old"}
NOBODY_LISTENS = "http://127.0.0.1:9"


def start(target: Path, endpoint: str, port: int = 0, token: str = TOKEN) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sirocco_serving.download", "--repository", "org/name"]
    command += ["--revision", "main", "--target", str(target), "--progress-port", str(port)]
    environment = {"PATH": os.environ["PATH"], "HF_ENDPOINT": endpoint, "HF_TOKEN": token}
    environment["HF_HOME"] = str(target.parent / "home")
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, everything printed, last line of stderr."""
    out, err = process.communicate(timeout=120)
    assert TOKEN not in out + err
    return process.returncode, out + err, (err.strip().splitlines() or [""])[-1]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "org--name--main"


def test_the_files_that_vllm_needs_arrive(target: Path) -> None:
    with running(FILES) as hub:
        status, printed, _ = finish(start(target, hub.url))
    assert status == 0, printed
    assert (target / "model.safetensors").read_bytes() == WEIGHTS
    assert (target / "config.json").read_bytes() == FILES["config.json"]
    assert not (target / "pytorch_model.bin").exists()
    assert f"Bearer {TOKEN}" in hub.tokens


def test_a_complete_model_needs_no_network(target: Path) -> None:
    with running(FILES) as hub:
        finish(start(target, hub.url))
    status, printed, _ = finish(start(target, NOBODY_LISTENS))
    assert status == 0, printed


def test_a_second_try_goes_on_where_the_first_one_broke(target: Path) -> None:
    with running(FILES, break_after=21 * 2**20, down_after_break=True) as hub:
        status, printed, _ = finish(start(target, hub.url))
        assert status == 1, printed
    with running(FILES) as hub:
        status, printed, _ = finish(start(target, hub.url))
        assert status == 0, printed
    (wanted,) = hub.downloads("model.safetensors")
    assert wanted is not None, "the whole file was asked for again"
    assert int(wanted.removeprefix("bytes=").partition("-")[0]) >= 10 * 2**20
    assert (target / "model.safetensors").read_bytes() == WEIGHTS


def test_two_replicas_that_share_a_volume_download_once(target: Path) -> None:
    with running(FILES, seconds_a_block=0.05) as hub:
        first, second = start(target, hub.url), start(target, hub.url)
        results = [finish(first), finish(second)]
    assert [status for status, _, _ in results] == [0, 0], results
    assert len(hub.downloads("model.safetensors")) == 1


def test_a_lock_dies_with_its_holder(target: Path) -> None:
    with running(FILES, seconds_a_block=60) as stuck:
        holder = start(target, stuck.url)
        eventually(
            lambda: bool(stuck.downloads("model.safetensors")), 60, lambda: f"the hub saw {stuck.requests}"
        )
        holder.kill()
        holder.communicate(timeout=60)
    with running(FILES) as hub:
        status, printed, _ = finish(start(target, hub.url))
    assert status == 0, printed


def test_sigterm_ends_a_download_at_once(target: Path) -> None:
    with running(FILES, seconds_a_block=60) as stuck:
        process = start(target, stuck.url)
        eventually(
            lambda: bool(stuck.downloads("model.safetensors")), 60, lambda: f"the hub saw {stuck.requests}"
        )
        process.send_signal(signal.SIGTERM)
        assert finish(process)[0] == 128 + signal.SIGTERM


def test_progress_is_served_while_it_runs(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    total = len(WEIGHTS) + len(FILES["config.json"])

    def progress() -> dict[str, int | None]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress", timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.URLError:
            return {}

    with running(FILES, seconds_a_block=0.2) as hub:
        process = start(target, hub.url, port)
        try:
            eventually(
                lambda: (
                    0 < (progress().get("done_bytes") or 0) < total and progress().get("total_bytes") == total
                ),
                60,
                lambda: f"progress is {progress()} of {total}",
            )
        finally:
            status, printed, _ = finish(process)
    assert status == 0, printed


@pytest.mark.parametrize(
    ("refusal", "token", "code", "named"),
    [
        ((404, "RepoNotFound"), TOKEN, "not-found", "model.uri"),
        ((401, "RepoNotFound"), "", "not-found", "model.secretName"),
        ((404, "RevisionNotFound"), TOKEN, "not-found", "model.revision"),
        ((401, "GatedRepo"), "", "forbidden", "model.secretName"),
        ((403, "GatedRepo"), TOKEN, "forbidden", "HF_TOKEN"),
        ((401, ""), TOKEN, "forbidden", "model.secretName"),
        ((500, ""), TOKEN, "no-network", "status 500"),
    ],
)
def test_a_refusal_ends_with_one_line_that_names_the_field(
    target: Path, refusal: tuple[int, str], token: str, code: str, named: str
) -> None:
    with running(FILES, refusal=refusal) as hub:
        status, _, line = finish(start(target, hub.url, token=token))
    assert status == 1
    assert line.startswith(f"sirocco download: {code}: hf://org/name at revision main"), line
    assert named in line


def test_a_hub_that_cannot_be_reached_is_named(target: Path) -> None:
    status, _, line = finish(start(target, NOBODY_LISTENS))
    assert status == 1
    assert line.startswith("sirocco download: no-network: "), line
    assert NOBODY_LISTENS in line


def test_a_volume_that_is_too_small_is_named_before_the_download(target: Path) -> None:
    with running(FILES, claimed_size=2**60) as hub:
        status, _, line = finish(start(target, hub.url))
    assert status == 1
    assert line.startswith(f"sirocco download: no-space: the volume at {target.parent} is too small"), line
    assert "cache.claimName" in line
    assert hub.downloads("model.safetensors") == []


def test_a_download_that_stands_still_is_given_up() -> None:
    given_up: list[bool] = []
    watch_for_stall(lambda: 7, lambda: given_up.append(True), stalled_seconds=0.02, watch_seconds=0.01)
    eventually(lambda: given_up == [True], 10, lambda: "the watch did not give up")


def test_a_download_that_moves_is_left_alone() -> None:
    sizes = iter(range(1000))
    given_up: list[bool] = []
    watch = watch_for_stall(
        lambda: next(sizes), lambda: given_up.append(True), stalled_seconds=0.02, watch_seconds=0.01
    )
    eventually(lambda: next(sizes) > 20, 10, lambda: "the watch does not look")
    watch.set()
    assert given_up == []


def test_another_revision_is_not_taken_for_complete(tmp_path: Path) -> None:
    place = Place(tmp_path, "org/name", "v1")
    place.mark_complete()
    assert place.complete()
    assert not Place(tmp_path, "org/name", "v2").complete()
