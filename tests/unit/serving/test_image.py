"""How the serving layer gets into a vLLM image: the Dockerfile's own command, over a small Python."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pip
import pytest

REPOSITORY = Path(__file__).parents[3]
SERVING = REPOSITORY / "serving"
DOCKERFILE = (SERVING / "Dockerfile").read_text()
LIBRARIES = "# A comment.\nfirst==2.0 \\\n    --hash=sha256:00\nsecond==2.0 \\\n    --hash=sha256:00\n"

Install = Callable[[dict[str, str]], Path]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile's build stage hands on, with two libraries of one module each."""
    folder = tmp_path_factory.mktemp("install")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    build += ["--no-build-isolation", "--wheel-dir", str(folder / "wheels"), str(SERVING)]
    subprocess.run(build, check=True)
    for name in ("first", "second"):
        library_wheel(folder / "wheels", name, "2.0")
    (folder / "libraries.txt").write_text(LIBRARIES)
    (folder / "pip").mkdir()
    (folder / "pip" / "pip").symlink_to(Path(pip.__file__).parent)
    return folder


@pytest.fixture
def install(wheels: Path, tmp_path: Path) -> Install:
    """Installs over a Python that has some libraries already; returns its folder of packages."""

    def installed(present: dict[str, str]) -> Path:
        base = tmp_path / "base"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(base)], check=True)
        (site,) = base.glob("lib/python*/site-packages")
        for name, version in present.items():
            library_wheel(tmp_path, name, version)
            zipfile.ZipFile(tmp_path / f"{name}-{version}-py3-none-any.whl").extractall(site)
        found = re.search(r"^RUN --mount=\S+,source=/install,\S+ \\\n(.*?)\n\n", DOCKERFILE, re.DOTALL | re.M)
        assert found
        command = found[1].replace("/install/", f"{wheels}/")
        subprocess.run(["sh", "-c", command], check=True, env={"PATH": f"{base}/bin:/usr/bin:/bin"})
        return site

    return installed


def library_wheel(folder: Path, name: str, version: str) -> None:
    """Writes a wheel of one module that knows its version."""
    folder.mkdir(exist_ok=True)
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{information}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in {**files, f"{information}/RECORD": record}.items():
            wheel.writestr(path, content)


def distributions(site: Path) -> set[str]:
    return {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info")}


def modules(package: Path) -> set[Path]:
    return {path.relative_to(package) for path in package.rglob("*.py")}


def test_the_package_comes_with_its_entry_points_and_bytecode(install: Install) -> None:
    site = install({})
    package = site / "sirocco_serving"
    assert (package / "py.typed").is_file()
    assert modules(package) == modules(SERVING / "src" / "sirocco_serving")
    for module in modules(package):
        assert list((package / module.parent / "__pycache__").glob(f"{module.stem}.*.pyc")), module
    (entry_points,) = site.glob("sirocco_serving-*.dist-info/entry_points.txt")
    assert "sirocco = sirocco_serving.plugin:SiroccoEndpoints" in entry_points.read_text()
    assert "sirocco = sirocco_serving.preflight:check" in entry_points.read_text()


def test_a_library_that_the_base_lacks_is_added_and_one_that_it_has_stays(install: Install) -> None:
    site = install({"second": "1.0", "pydantic": "1.0"})
    assert {"first-2.0", "second-1.0", "pydantic-1.0"} < distributions(site)
    assert len(distributions(site)) == 4
    assert (site / "second" / "__init__.py").read_text() == "version = '1.0'\n"
    assert list((site / "first" / "__pycache__").glob("__init__.*.pyc"))


def test_a_base_that_has_the_package_already_gets_this_one(install: Install) -> None:
    version = tomllib.loads((SERVING / "pyproject.toml").read_text())["project"]["version"]
    site = install({"sirocco_serving": version})
    assert (site / "sirocco_serving" / "stack.py").is_file()


def test_what_the_image_is_built_with_is_what_is_tested() -> None:
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    locked = {(package["name"], package["version"]) for package in lock}
    libraries = re.findall(r"^([a-z-]+)==(\S+)", (SERVING / "libraries.txt").read_text(), re.MULTILINE)
    assert {name for name, _ in libraries} == {"limits", "deprecated", "wrapt"}
    tools = re.findall(r" (hatchling|pip)==(\S+)", DOCKERFILE)
    assert {name for name, _ in tools} == {"hatchling", "pip"}
    assert {*libraries, *tools} <= locked
    assert tomllib.loads((SERVING / "pyproject.toml").read_text())["build-system"]["requires"] == [
        "==".join(tool) for tool in tools if tool[0] == "hatchling"
    ]
