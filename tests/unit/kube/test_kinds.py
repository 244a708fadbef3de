"""The kinds of children."""

import pytest

from sirocco_operator.kube.kinds import CHILD_KINDS, CONFIG_MAP, SCALED_OBJECT, SERVICE_MONITOR

pytestmark = pytest.mark.unit


def test_a_core_kind_has_no_group() -> None:
    assert (CONFIG_MAP.group, CONFIG_MAP.version) == ("", "v1")


def test_another_kind_has_group_and_version() -> None:
    assert (SERVICE_MONITOR.group, SERVICE_MONITOR.version) == ("monitoring.coreos.com", "v1")


def test_only_kinds_of_other_projects_are_optional() -> None:
    assert [kind for kind in CHILD_KINDS if kind.optional] == [SCALED_OBJECT, SERVICE_MONITOR]
