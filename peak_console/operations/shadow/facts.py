"""The facts of shadow, gathered from configs, node and ledger."""

from datetime import datetime

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.shadow import JobLine, JobState, ShadowFacts


class ShadowReader:
    """Reads what Shadow shows. Used by one thread; never raises for what a workspace can come to."""

    def __init__(self, ws: Workspace, door: LedgerDoor) -> None:
        self._ws = ws
        self._door = door

    def facts(self, now: datetime) -> ShadowFacts:
        """The jobs that the config names."""
        try:
            jobs = load_configs(self._ws, today=now.date()).jobs.job
        except ConfigInvalid as error:
            return ShadowFacts(now, problem=error.message, freshness=Freshness(now))
        lines = [
            JobLine(one.name, one.kind, JobState.UNKNOWN, one.schedule or "", one.timezone) for one in jobs
        ]
        return ShadowFacts(now, tuple(lines), freshness=Freshness(now))
