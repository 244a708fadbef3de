"""The health check for Argo CD in docs/gitops.md."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped]

from sirocco_operator.status.reasons import Reason
from tests.unit.status.every_reason import CURRENT, FAILED, ON_THE_WAY, SAID, statuses

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "gitops.md").read_text(encoding="utf-8")
HEALTH = {CURRENT: "Healthy", ON_THE_WAY: "Progressing", FAILED: "Degraded"}
GENERATION = 3


def health(status: Mapping[str, Any] | None, generation: int = GENERATION) -> tuple[str, str]:
    """What the script says of a resource with this status, and the message."""
    (config,) = re.findall(r"```yaml\n(data:\n.*?)```", PAGE, re.DOTALL)
    (script,) = yaml.safe_load(config)["data"].values()
    lua = LuaRuntime()
    resource = {"metadata": {"generation": generation}, "status": status}
    lua.globals()["obj"] = lua.table_from(resource, recursive=True)
    found = lua.execute(script)
    return found["status"], found["message"]


@pytest.mark.parametrize("reason", Reason)
def test_argo_cd_says_of_each_reason_what_kstatus_says(reason: Reason) -> None:
    for status, said in zip(statuses(reason), SAID[reason], strict=True):
        assert health(status) == (HEALTH[said], status["message"])
        assert health(status, GENERATION + 1)[0] == "Progressing"


def test_argo_cd_takes_a_model_that_nobody_has_looked_at_as_on_its_way() -> None:
    assert health(None)[0] == health({"observedGeneration": -1})[0] == "Progressing"
