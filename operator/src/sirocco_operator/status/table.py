"""The table of everything that can be told of a model: the first row that sees something is told.

The order is the severity: what keeps the children from being written, then what a person must repair,
then what must be waited for, then what goes on by itself.
"""

from sirocco_operator.status import (
    crashes,
    downloads,
    images,
    lifecycle,
    mounts,
    refusals,
    rollout,
    scheduling,
)
from sirocco_operator.status.row import Finding, Row
from sirocco_operator.status.view import View

TABLE: tuple[Row, ...] = (
    *refusals.ROWS,
    *lifecycle.STOPPED_ROWS,
    *images.ROWS,
    *mounts.ROWS,
    *downloads.FAILED_ROWS,
    *crashes.ROWS,
    *rollout.BLOCKED_ROWS,
    *scheduling.ROWS,
    *rollout.WORKING_ROWS,
    *downloads.WORKING_ROWS,
    *lifecycle.WORKING_ROWS,
)


def find(view: View) -> Finding:
    """The first row's finding; the last row sees every model."""
    return next(finding for row in TABLE if (finding := row.find(view)))
