"""Chooses the files of a repository that vLLM needs."""

from collections.abc import Mapping
from pathlib import PurePosixPath

# Configuration, tokenizers, chat templates, and the code that `trustRemoteCode` runs.
ALWAYS = frozenset({".json", ".txt", ".model", ".tiktoken", ".jinja", ".py"})
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


def needed(sizes: Mapping[str, int]) -> dict[str, int]:
    """Returns the files to fetch, with their sizes in bytes, from the sizes of all files by path.

    It takes the weights in one format, safetensors first. Mistral's `consolidated` weights repeat the
    `model-*.safetensors` beside them, so it leaves them out where both are.
    """
    chosen = {path: size for path, size in sizes.items() if PurePosixPath(path).suffix in ALWAYS}
    for suffix in WEIGHTS:
        weights = {path: size for path, size in sizes.items() if path.endswith(suffix)}
        if weights:
            names = {PurePosixPath(path).name for path in weights}
            if "config.json" in sizes and any(name.startswith("model") for name in names):
                weights = {path: size for path, size in weights.items() if not _consolidated(path)}
            return chosen | weights
    return chosen


def _consolidated(path: str) -> bool:
    return PurePosixPath(path).name.startswith("consolidated")
