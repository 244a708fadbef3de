"""The contract, as tests that ask a model server with keys on and do not know where it runs.

tests/serving runs all of them against a container. tests/e2e runs those whose answer the way through the
cluster could change, against a model's Service. Each has a fixture `server` for them.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

_MODULES = sorted(
    f"{__name__}.{path.stem}" for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"
)
# pytest does this by itself for files that are named as tests alone.
pytest.register_assert_rewrite(*_MODULES)


def every_test() -> dict[str, Callable[..., None]]:
    """All tests of the contract by their names. Raises ValueError where two have the same."""
    found: dict[str, Callable[..., None]] = {}
    for module in _MODULES:
        for name, value in vars(import_module(module)).items():
            if name.startswith("test_"):
                if name in found:
                    raise ValueError(f"two tests of the contract are called {name}")
                found[name] = value
    return found
