from pathlib import Path

import pytest

from tests.kind import store


def fill(root: Path) -> Path:
    folder = store.ensure(root)
    (folder / "layer").write_text("")
    return folder


def test_images_stay_from_one_cluster_to_the_next(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    assert store.ensure(tmp_path) == folder
    assert (folder / "layer").exists()


def test_the_store_of_other_versions_is_removed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "other.writing").write_text("")
    current = store.ensure(tmp_path)
    assert list(tmp_path.iterdir()) == [current]


def test_images_that_were_written_when_the_machine_went_down_are_removed(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.writing(tmp_path):
        raise KeyboardInterrupt
    store.ensure(tmp_path, boot="the next one")
    assert not (folder / "layer").exists()


def test_a_load_that_was_interrupted_leaves_what_is_whole(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.writing(tmp_path):
        raise KeyboardInterrupt
    store.ensure(tmp_path)
    assert (folder / "layer").exists()


def test_what_the_disk_has_survives_the_machine(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    with store.writing(tmp_path):
        (folder / "second").write_text("")
    store.ensure(tmp_path, boot="the next one")
    assert (folder / "second").exists()


def test_a_node_without_a_store_writes_no_note(tmp_path: Path) -> None:
    with store.writing(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
