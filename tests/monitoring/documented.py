"""What the guide on autoscaling gives its readers to paste."""

import re
from typing import Any, Final

import yaml

from tests.kind.paths import REPOSITORY

GUIDE: Final = REPOSITORY / "docs" / "autoscaling.md"


def prometheus_adapter_rules() -> list[dict[str, Any]]:
    """The rules for prometheus-adapter, each of one figure."""
    (block,) = re.findall(r"```yaml\n(rules:.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    rules: list[dict[str, Any]] = yaml.safe_load(block)["rules"]["custom"]
    return rules
