"""Jobs and drift as the node tells them; a node that does not tell is left alone for a while."""

from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import NodeUnreachable, PeakError
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.jobs.listing import START_NODE, JobsNow, jobs_told, node_client

_AGAIN_AFTER_S: Final = 5.0
"""An answer that does not come takes its whole patience."""


class NodeJobs:
    """Asks the node for its jobs. Used by one thread; never raises for what a node can come to."""

    def __init__(self, ws: Workspace, *, runs: int) -> None:
        self._ws = ws
        self._runs = runs
        self._again_at = 0.0
        self._why = ""
        self.drift: Mapping[str, Any] | None = None
        """What the node last said of its tests of drift; ``None`` where it said nothing."""

    def read(self, now: datetime) -> tuple[JobsNow | None, str]:
        """What it tells now; ``None`` and why where it does not, with what to do."""
        if monotonic() < self._again_at:
            return None, self._why
        try:
            with node_client(self._ws) as client:
                told = jobs_told(client.request("jobs.list", runs=self._runs), now)
                self.drift = _drift(client)
                return told, ""
        except PeakError as error:
            self._again_at = monotonic() + _AGAIN_AFTER_S
            remedy = START_NODE if isinstance(error, NodeUnreachable) else error.remedy
            self.drift = None
            self._why = f"no node tells; {remedy} ({error.message})"
            return None, self._why


def _drift(client: BlockingLedgerClient) -> Mapping[str, Any] | None:
    """The reply of ``drift.status``; a node that gives none still tells its jobs."""
    try:
        return client.request("drift.status")
    except NodeUnreachable:
        raise
    except PeakError:
        return None
