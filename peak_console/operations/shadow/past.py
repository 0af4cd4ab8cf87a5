"""Shadow as of a past moment: by the ledger alone, for what a node and the configs said then is gone."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.operations.shadow.facts import RUNS_SHOWN, ShadowReader
from peak_console.operations.shadow.job_lines import RecordedJobs, recorded_line
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.shadow import JobLine, JobState, ShadowFacts

NOT_JUDGED: Final = "it is judged on what is so now, not in the past: peak readiness"
AS_RECORDED: Final = "as the ledger has it; what was due next is not recorded"


class PastShadow:
    """Reads shadow through a door that opens on the past. Used by one thread; never raises."""

    def __init__(self, ws: Workspace, door: LedgerDoor) -> None:
        self._reader = ShadowReader(ws, door)

    def facts(self, at: datetime) -> ShadowFacts:
        """Jobs from their events, cycles, books and drift as of the moment; readiness is not judged."""
        facts = self._reader.recorded(at)
        record = self._reader.record
        return replace(
            facts,
            jobs=tuple(_then(name, record) for name in sorted({*record.records, *record.paused})),
            runs=record.newest(RUNS_SHOWN),
            scheduler=AS_RECORDED,
            readiness_problem=NOT_JUDGED,
        )


def _then(name: str, record: RecordedJobs) -> JobLine:
    line = recorded_line(name, record)
    if line.running:
        return replace(line, state=JobState.RUNNING)
    return replace(line, state=JobState.PAUSED if name in record.paused else JobState.WAITING)
