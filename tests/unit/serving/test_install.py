"""How our layer gets into a vLLM image."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[3]
SERVING = REPOSITORY / "serving"


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", SERVING / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def library(folder: Path, name: str) -> None:
    """An installed library of one module."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-1.0.dist-info/METADATA,,\n")
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("here = True\n")


def test_the_package_comes_with_its_entry_points(installer: ModuleType, tmp_path: Path) -> None:
    installer.install(SERVING, tmp_path)
    assert (tmp_path / "sirocco_serving" / "stack.py").is_file()
    (entry_points,) = tmp_path.glob("*.dist-info/entry_points.txt")
    assert "sirocco = sirocco_serving.plugin:SiroccoEndpoints" in entry_points.read_text()


def test_a_library_that_the_image_lacks_comes_with_its_metadata(
    installer: ModuleType, tmp_path: Path
) -> None:
    library(tmp_path / "libraries", "not_there_yet")
    installer.add_libraries(tmp_path / "libraries", tmp_path / "site")
    assert (tmp_path / "site" / "not_there_yet" / "__init__.py").read_text() == "here = True\n"
    assert (tmp_path / "site" / "not_there_yet-1.0.dist-info" / "METADATA").is_file()


def test_a_library_that_the_image_has_stays_as_it_is(installer: ModuleType, tmp_path: Path) -> None:
    library(tmp_path / "libraries", "pydantic")
    installer.add_libraries(tmp_path / "libraries", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_libraries_of_the_image_are_those_that_are_tested() -> None:
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    locked = {(package["name"], package["version"]) for package in lock}
    pinned = re.findall(r"^([a-z-]+)==(\S+)", (SERVING / "libraries.txt").read_text(), re.MULTILINE)
    assert {name for name, _ in pinned} == {"limits", "deprecated", "wrapt"}
    assert set(pinned) <= locked
