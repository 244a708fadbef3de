import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.kind import archive
from tests.kind.archive import MissingLayerError, read_saved, write_archive

BASE, TOP = b"base layer" * 1000, b"top layer"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def saved_image() -> io.BytesIO:
    """What `docker save` of an image with two layers writes."""
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [digest(BASE), digest(TOP)]}}).encode()
    manifest = [{"Config": "c.json", "RepoTags": ["team/app:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
    files = {
        "b/layer.tar": TOP,
        "a/layer.tar": BASE,
        "c.json": config,
        "manifest.json": json.dumps(manifest).encode(),
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    stream.seek(0)
    return stream


def written(tmp_path: Path, present: set[str]) -> dict[str, bytes]:
    target = tmp_path / "image.tar"
    write_archive(read_saved(saved_image(), tmp_path), "team/app:1", present, target)
    with tarfile.open(target) as tar:
        contents = {member.name: tar.extractfile(member) for member in tar}
        return {name: content.read() for name, content in contents.items() if content}


def blob(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def test_a_layer_that_the_reader_has_is_left_out(tmp_path: Path) -> None:
    files = written(tmp_path, {digest(BASE)})
    assert files[blob(TOP)] == TOP
    assert blob(BASE) not in files


def test_the_manifest_names_every_layer_in_order_with_its_size(tmp_path: Path) -> None:
    files = written(tmp_path, {digest(BASE)})
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(files[f"blobs/{entry['digest'].replace(':', '/')}"])
    layers = [(layer["digest"], layer["size"]) for layer in manifest["layers"]]
    assert layers == [(digest(BASE), len(BASE)), (digest(TOP), len(TOP))]


def test_the_image_keeps_its_name(tmp_path: Path) -> None:
    (entry,) = json.loads(written(tmp_path, set())["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/team/app:1"


def test_a_missing_layer_that_was_too_big_to_keep_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "KEPT_BYTES", len(BASE) - 1)
    with pytest.raises(MissingLayerError, match=digest(BASE)):
        written(tmp_path, set())
