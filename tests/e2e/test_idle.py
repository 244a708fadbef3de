"""What the operator writes when there is nothing to do: nothing but its Lease."""

import time
from typing import Final

import pytest

from tests.e2e import audit
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl
from tests.e2e.settling import until_settled
from tests.waiting import eventually

pytestmark = pytest.mark.alone

# Long enough for a look at which APIs there are, and several renewals of the Lease; tests/api waits longer.
IDLE_SECONDS: Final = 20


def test_idling_writes_nothing_but_the_lease(shared: SharedModel, operator: Kubectl) -> None:
    until_settled(operator)
    since = audit.position()
    started = time.monotonic()
    eventually(lambda: time.monotonic() - started > IDLE_SECONDS, 2 * IDLE_SECONDS, "the time to pass")
    assert audit.operator_requests(since), "the audit log shows none of the operator's requests"
    assert not audit.operator_writes(since)
