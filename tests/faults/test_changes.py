"""Changes come faster than the operator writes."""

import pytest

from tests.api.changes import change_all
from tests.api.client import Client


@pytest.mark.usefixtures("operator")
def test_no_change_of_hundreds_is_lost(client: Client, namespace: str) -> None:
    change_all(client, namespace, rounds=10)
