"""An image archive with only the layers that its reader lacks, made from what `docker save` writes."""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

DOCUMENT_BYTES = 1 << 20
"""Up to this size a file may be a manifest or a configuration, and is held in memory."""

KEPT_BYTES = 1 << 29
"""Larger layers are only hashed: they are a base's, which the reader has after the first time."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


class MissingLayerError(Exception):
    """The reader lacks a layer that was too big to keep."""


@dataclass
class Saved:
    """A saved image: its small files by name; by digest each file's size, and where it lies if kept."""

    documents: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    kept: dict[str, Path] = field(default_factory=dict)


def read_saved(stream: IO[bytes], folder: Path) -> Saved:
    """Read a saved image from its beginning to its end, keeping its layers in a folder."""
    saved = Saved()
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            digest, path = _copy(content, folder)
            if member.size <= DOCUMENT_BYTES:
                saved.documents[member.name] = path.read_bytes()
            saved.sizes[digest] = member.size
            if member.size <= KEPT_BYTES:
                saved.kept[digest] = path
            else:
                path.unlink()
    return saved


def _copy(content: IO[bytes], folder: Path) -> tuple[str, Path]:
    digest = hashlib.sha256()
    size = 0
    copy = folder / "unfinished"
    with copy.open("wb") as target:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            if size <= KEPT_BYTES:
                target.write(chunk)
    name = f"sha256:{digest.hexdigest()}"
    return name, copy.rename(folder / name)


def write_archive(saved: Saved, tag: str, present: set[str], target: Path) -> int:
    """Write an OCI archive without the layers whose digests are present; return how many it holds.

    Raises MissingLayerError when one that is not present was not kept.
    """
    (entry,) = json.loads(saved.documents["manifest.json"])
    config = saved.documents[entry["Config"]]
    digests: list[str] = json.loads(config)["rootfs"]["diff_ids"]
    missing = [digest for digest in dict.fromkeys(digests) if digest not in present]
    if lost := [digest for digest in missing if digest not in saved.kept]:
        raise MissingLayerError(", ".join(lost))
    layers = [{"mediaType": _LAYER, "digest": each, "size": saved.sizes[each]} for each in digests]
    manifest = _json(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": _descriptor(_CONFIG, config), "layers": layers}
    )
    named = {"io.containerd.image.name": f"docker.io/{tag}", "org.opencontainers.image.ref.name": tag}
    index = {"schemaVersion": 2, "manifests": [{**_descriptor(_MANIFEST, manifest), "annotations": named}]}
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _json(index))
        for data in (manifest, config):
            _add(archive, _blob(_digest(data)), data)
        for digest in missing:
            archive.add(saved.kept[digest], _blob(digest))
    return len(missing)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
