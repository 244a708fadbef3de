"""An engine's cause of death is kept where the kubelet looks for it."""

import logging
from pathlib import Path

import pytest

from sirocco_serving.engine.crash_cause import LONGEST, CauseKeeper


def die(logger: logging.Logger, message: str, cause: str) -> None:
    try:
        try:
            raise ValueError(cause)
        except ValueError as error:
            raise RuntimeError("worker failed") from error
    except RuntimeError:
        logger.exception(message)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


def logger_into(path: Path) -> logging.Logger:
    logger = logging.Logger("engine")
    logger.addHandler(CauseKeeper(path))
    return logger


def test_the_innermost_cause_of_an_engines_death_is_kept(log: Path) -> None:
    die(logger_into(log), "EngineCore failed to start.", "no memory for the KV cache")
    assert log.read_text() == "ValueError: no memory for the KV cache"


def test_the_first_cause_stays(log: Path) -> None:
    die(logger_into(log), "WorkerProc failed to start.", "first")
    die(logger_into(log), "EngineCore failed to start.", "second")
    assert log.read_text() == "ValueError: first"


def test_other_errors_are_not_taken_for_a_death(log: Path) -> None:
    die(logger_into(log), "a request failed", "bad prompt")
    assert log.read_text() == ""


def test_a_long_cause_is_cut(log: Path) -> None:
    die(logger_into(log), "EngineCore failed to start.", "x" * 10_000)
    assert len(log.read_bytes()) == LONGEST


def test_without_the_file_nothing_is_written(tmp_path: Path) -> None:
    die(logger_into(tmp_path / "none"), "EngineCore failed to start.", "cause")
    assert list(tmp_path.iterdir()) == []
