from pathlib import Path

import pytest

from tests.kind.keys import files_below, files_key, key_of


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_parts_with_other_borders_have_another_key() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")


def test_changed_content_changes_the_key(tmp_path: Path) -> None:
    path = write(tmp_path, "src/a.py", "one")
    before = files_key(tmp_path, ["src/a.py"])
    path.write_text("two")
    assert files_key(tmp_path, ["src/a.py"]) != before


def test_renamed_file_changes_the_key(tmp_path: Path) -> None:
    write(tmp_path, "a", "same")
    write(tmp_path, "b", "same")
    assert files_key(tmp_path, ["a"]) != files_key(tmp_path, ["b"])


def test_executable_bit_changes_the_key(tmp_path: Path) -> None:
    path = write(tmp_path, "run", "#!/bin/sh")
    before = files_key(tmp_path, ["run"])
    path.chmod(0o755)
    assert files_key(tmp_path, ["run"]) != before


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "a", "1")
    write(tmp_path, "b", "2")
    assert files_key(tmp_path, ["a", "b"]) == files_key(tmp_path, ["b", "a"])


def test_what_tools_leave_behind_is_no_input(tmp_path: Path) -> None:
    for name in ("src/a.py", "src/__pycache__/a.pyc", "src/x.egg-info/PKG-INFO", "src/.mypy_cache/b"):
        write(tmp_path, name, "")
    assert files_below(tmp_path, "src") == ["src/a.py"]


def test_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone is missing"):
        files_below(tmp_path, "gone")
