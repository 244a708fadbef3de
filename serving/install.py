"""Installs this package into the Python that runs it: copies the sources and writes the metadata.

Needs neither a network nor a build backend, so that it works over any vLLM image.
Called with the folder that holds pyproject.toml, src/ and libraries/ (installed packages that the base may
lack).
"""

import compileall
import shutil
import sys
import sysconfig
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path


def install(project: Path, site: Path) -> None:
    """Copies the package below `project` into `site`, with its entry points.

    Raises FileNotFoundError when `project` holds no pyproject.toml or no src/sirocco_serving.
    """
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    package = site / "sirocco_serving"
    shutil.copytree(project / "src" / "sirocco_serving", package, dirs_exist_ok=True)
    compileall.compile_dir(package, quiet=1)
    information = site / f"sirocco_serving-{metadata['version']}.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {metadata['name']}\nVersion: {metadata['version']}\n"
    )
    lines: list[str] = []
    for group, points in metadata["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")


def add_libraries(libraries: Path, site: Path) -> None:
    """Copies the packages below `libraries` into `site`, but for those that this Python has already."""
    present = {distribution.name.lower() for distribution in distributions()}
    for information in sorted(libraries.glob("*.dist-info")):
        library = Distribution.at(information)
        if library.name.lower() in present:
            continue
        for file in library.files or ():
            source = libraries / file
            if source.is_file() and source.suffix != ".pyc":
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                if source.suffix == ".py":
                    compileall.compile_file(target, quiet=1)


if __name__ == "__main__":
    folder, purelib = Path(sys.argv[1]), Path(sysconfig.get_path("purelib"))
    install(folder, purelib)
    add_libraries(folder / "libraries", purelib)
