"""Make one small library in place of NVIDIA's: `stub_cuda.py FOLDER`, the folder of torch's own libraries.

torch from PyPI is linked against CUDA's libraries, 2 GB, and calls none of them on a machine without a GPU.
The linker still asks for each library and symbol by name, so the stub has them all. A symbol that is called
all the same ends the process and says why.
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

NVIDIA = re.compile(r"lib(cu|nccl|nv)\w*\.so\.\d+")
DRIVER = "libcuda.so.1"
"""Not stubbed: its presence would mean a GPU, and nothing that torch loads at its start needs it."""

NEEDED = re.compile(r"NEEDED\s+(\S+)")
VERSIONS = re.compile(r"required from (\S+):\n((?:\s+0x.*\n)+)")
CUDA_SYMBOL = re.compile(r"(cu(sparse|rand|solver|File|fft|blas|dnn)|nccl|nvshmem|nvrtc)\w+")
STUB = "libsirocco_no_cuda.so"
CODE = """\
#include <stdlib.h>
#include <unistd.h>
static const char text[] = "A CUDA library was called, and this image has none: it is for CPUs.\\n";
static void stub(void) { if (write(2, text, sizeof text - 1)) abort(); abort(); }
"""


def missing(folder: Path) -> tuple[list[str], dict[str, set[str]]]:
    """Return the libraries that torch's need and lack, and the symbols that they want, by version."""
    libraries: set[str] = set()
    versions: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, set[str]] = defaultdict(set)
    for path in folder.glob("*.so*"):
        command = ["objdump", "-p", "-T", str(path)]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        libraries |= {name for name in NEEDED.findall(listing) if NVIDIA.fullmatch(name)}
        for library, lines in VERSIONS.findall(listing):
            versions[library] |= {line.split()[-1] for line in lines.splitlines()}
        for words in map(str.split, listing.splitlines()):
            if "*UND*" in words:
                version = words[-2].strip("()")
                wanted["" if version == "Base" else version].add(words[-1])
    absent = sorted(name for name in libraries - {DRIVER} if not is_present(name, folder))
    plain = {symbol for symbol in wanted[""] if CUDA_SYMBOL.fullmatch(symbol)}
    needed = sorted(set().union(*(versions[name] for name in absent)))
    return absent, {"": plain, **{version: wanted[version] for version in needed}}


def is_present(name: str, folder: Path) -> bool:
    """Say whether torch finds a library, among its own or in NVIDIA's packages."""
    return (folder / name).exists() or any((folder.parent.parent / "nvidia").rglob(name))


def build(symbols: dict[str, set[str]], target: Path) -> None:
    """Compile the library that has these symbols, each under its version; those of "" have none."""
    names = sorted(set().union(*symbols.values()))
    aliases = [f'void {name}(void) __attribute__((alias("stub")));' for name in names]
    versions = [f"{key} {{ global: {'; '.join(sorted(of))}; }};" for key, of in symbols.items() if key]
    with tempfile.TemporaryDirectory() as work:
        source, script = Path(work) / "stub.c", Path(work) / "versions"
        source.write_text(CODE + "\n".join(aliases))
        script.write_text("\n".join(versions))
        options = ["-shared", "-fPIC", "-fno-builtin", "-w", f"-Wl,--version-script={script}"]
        subprocess.run(["gcc", *options, "-o", target, source], check=True)


def main() -> None:
    """Build the library and link it under every name that is missing."""
    folder = Path(sys.argv[1])
    libraries, symbols = missing(folder)
    build(symbols, folder / STUB)
    for name in libraries:
        (folder / name).symlink_to(STUB)
    print(f"{STUB}: {sum(map(len, symbols.values()))} symbols for {', '.join(libraries)}")  # noqa: T201


if __name__ == "__main__":
    main()
