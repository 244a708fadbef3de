"""How pytest-xdist's processes share the tests out, with `--dist loadgroup`.

What shares a server runs in one process, so that the server is started once. The marker `xdist_group` of
pytest-xdist 3.8 does nothing with pytest 9.2.
"""

from collections.abc import Mapping
from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# The files of each group; what takes long begins first.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "engine in a container": (
        "tests/serving/test_contract.py",
        "tests/serving/test_monitoring.py",
        "tests/serving/test_vllm.py",
    ),
    "docker compose": (
        "tests/compose/test_compose.py",
        "tests/compose/test_rag.py",
        "tests/compose/test_stop.py",
    ),
    "fire": ("tests/serving/test_fire.py",),
    "engine in process": ("tests/serving/test_in_process.py",),
    "shared model": (
        "tests/e2e/test_faults.py",
        "tests/e2e/test_idle.py",
        "tests/e2e/test_install.py",
        "tests/e2e/test_prometheus.py",
        "tests/e2e/test_real_model.py",
        "tests/e2e/test_restart.py",
    ),
    "load": ("tests/e2e/test_autoscaling.py",),
    "contract": ("tests/e2e/test_contract.py",),
    "connections": ("tests/e2e/test_no_failed_requests.py",),
    "causes": ("tests/e2e/test_status.py",),
    "fields": ("tests/api/test_optional_fields.py",),
    "metrics API": ("tests/api/test_metrics_api.py",),
    "autoscaling": ("tests/api/test_autoscaling.py",),
    "certificates": ("tests/api/test_metrics_certificates.py",),
    "release": ("tests/api/test_release.py",),
    "internal key": ("tests/api/test_internal_key.py",),
    "install.yaml": ("tests/api/test_install_manifest.py",),
    "resource": ("tests/api/crd/test_resource.py",),
    "leader": ("tests/api/test_leader.py",),
    "KEDA": ("tests/api/test_keda.py",),
}
# Where tests share nothing but what each process has, unless their file is in a group.
APART: Final = ("tests/serving/test_start.py", "tests/api/")
_GROUP_OF: Final = {file: group for group, files in GROUPS.items() for file in files}
_RANKS: Final = {group: rank for rank, group in enumerate(GROUPS)}


def group_of(test: str) -> str:
    """What a test, by its id, shares a process with."""
    file = test.partition("::")[0]
    return _GROUP_OF.get(file) or (test if file.startswith(APART) else file)


def rank_of(test: str) -> int:
    """When a test's group begins: that of the lowest number first."""
    return _RANKS.get(group_of(test), len(_RANKS))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: Any) -> None:
        # A process begins its last test only when it has another, or knows that there is none. Given more any
        # sooner, it would keep a group waiting that another process is free for.
        if self.workqueue and self._pending_of(self.assigned_work[node]) > 1:
            return
        super()._reschedule(node)
