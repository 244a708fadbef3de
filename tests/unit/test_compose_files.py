"""The page about running without Kubernetes matches the files and the code."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from sirocco_serving.config import Settings
from sirocco_serving.local import VLLMClient

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "running-without-kubernetes.md").read_text(encoding="utf-8")
SAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
FOR_CPUS = (ROOT / "compose.cpu.yaml").read_text(encoding="utf-8")


def of_the_sample() -> set[str]:
    """The variables of .env.example that are no comment."""
    return set(re.findall(r"^([A-Z_]+)=", SAMPLE, re.MULTILINE))


def of_compose() -> set[str]:
    """The variables that compose.yaml takes from .env."""
    service = yaml.safe_load(COMPOSE)["services"]["model"]
    handed_on = {name for name, value in service["environment"].items() if value is None}
    return handed_on | set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))


def test_the_page_tells_of_every_variable() -> None:
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert rows == of_compose()


def test_the_sample_sets_nothing_that_compose_does_not_take() -> None:
    assert len(of_the_sample()) >= 6
    assert of_the_sample() - of_compose() == set()


def test_the_sample_for_cpus_is_that_of_the_page() -> None:
    (block,) = re.findall(r"```\n(COMPOSE_FILE=.*?)```", PAGE, re.DOTALL)
    commented = re.findall(r"^# ([A-Z_]+=.*)$", SAMPLE, re.MULTILINE)
    assert commented == block.splitlines()
    taken = of_compose() | set(
        yaml.safe_load(FOR_CPUS.replace("!reset", ""))["services"]["model"]["environment"]
    )
    assert {line.partition("=")[0] for line in commented} <= taken | {"COMPOSE_FILE"}


def test_the_settings_on_the_page_are_valid() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert Settings.model_validate_json(block).access.keys_folder == "/etc/sirocco/keys"


def test_the_clients_methods_are_on_the_page() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    rows = set(re.findall(r"^\| `([a-z_]+)\(", PAGE, re.MULTILINE))
    called = {node.attr for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Attribute)}
    public = {name for name, value in vars(VLLMClient).items() if callable(value) and name[0] != "_"}
    assert rows == public - {"close"}
    assert called & rows
