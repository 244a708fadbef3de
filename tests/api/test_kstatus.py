"""What kstatus says of each reason: Flux's fork of it, which Helm uses, and cli-utils' own."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sirocco_operator.status.reasons import Reason
from tests.api.client import Client
from tests.api.models import model
from tests.api.processes import tool
from tests.unit.status.every_reason import ON_THE_WAY, SAID, statuses


def kstatus(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """What kstatus says of each object; both of its forms have to agree."""
    lines = "".join(json.dumps(each) + "\n" for each in objects)
    done = subprocess.run([tool("kstatus")], input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    pairs = [line.split() for line in done.stdout.splitlines()]
    assert all(flux == cli_utils for flux, cli_utils in pairs), pairs
    return [flux for flux, _ in pairs]


def resource(status: Mapping[str, Any], generation: int = 3) -> dict[str, Any]:
    """The resource with that status."""
    return {**model("default"), "metadata": {"name": "mistral", "generation": generation}, "status": status}


def test_kstatus_says_of_each_reason_what_tools_should_do() -> None:
    assert set(SAID) == set(Reason), "a reason has no row here"
    found = {reason: statuses(reason) for reason in Reason}
    assert {reason: first["reason"] for reason, (first, _) in found.items()} == {
        each: each for each in Reason
    }
    said = iter(kstatus(resource(status) for pair in found.values() for status in pair))
    assert {reason: (next(said), next(said)) for reason in found} == SAID


def test_a_change_that_the_operator_has_not_seen_is_in_progress_whatever_was_said_before() -> None:
    every = [status for reason in Reason for status in statuses(reason)]
    assert set(kstatus(resource(status, generation=4) for status in every)) == {ON_THE_WAY}


@pytest.mark.usefixtures("cluster")
def test_a_resource_that_nobody_has_looked_at_is_in_progress(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    assert kstatus([client.get("InferenceModel", namespace, "mistral")]) == [ON_THE_WAY]
