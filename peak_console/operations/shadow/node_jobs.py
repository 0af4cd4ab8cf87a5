"""Jobs as the node tells them, asked again and again: a node that does not tell is left alone for a while."""

from datetime import datetime
from time import monotonic
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import NodeUnreachable, PeakError
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

    def read(self, now: datetime) -> tuple[JobsNow | None, str]:
        """What it tells now; ``None`` and why where it does not, with what to do."""
        if monotonic() < self._again_at:
            return None, self._why
        try:
            with node_client(self._ws) as client:
                return jobs_told(client.request("jobs.list", runs=self._runs), now), ""
        except PeakError as error:
            self._again_at = monotonic() + _AGAIN_AFTER_S
            remedy = START_NODE if isinstance(error, NodeUnreachable) else error.remedy
            self._why = f"no node tells ({error.message}); {remedy}"
            return None, self._why
