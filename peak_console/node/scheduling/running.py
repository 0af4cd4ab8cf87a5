"""A run that has a worker now, and the order that the worker gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.text import one_line
from peak_console.jobs.definition import definition_of
from peak_console.node.scheduling.book import Ended
from peak_console.node.scheduling.tables import RunRow
from peak_console.node.scheduling.worker_process import WorkerProcess

_DETAIL: Final = 300
_NOT_TOLD: Final = {"description": "", "tags": ()}
"""What people read of a job: a worker does without, and its line stays short."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Who had a run end, and why."""

    by: str
    reason: str

    def told(self, ended: Ended) -> Ended:
        """How it ended, with who did it and why before what the worker said last."""
        words = f"by {self.by}{f': {self.reason}' if self.reason else ''}" if self.by else self.reason
        detail = one_line("; ".join(filter(None, (words, ended.detail))), _DETAIL)
        return replace(ended, detail=detail, by=self.by, reason=self.reason)


@dataclass(slots=True)
class Running:
    """A claim, its worker, and what the worker said last."""

    row: RunRow
    job: Job
    worker: WorkerProcess
    token: str = ""
    """Shown by its worker; given once the run is claimed."""
    run_id: str = ""
    step: str = ""
    cancelled: Cancelled | None = None
    """Who cancelled it first, and why; ``None`` while nobody did."""

    def heard(self, name: str, text: str) -> None:
        """Its worker said something."""
        if name == "run_id":
            self.run_id = text
        else:
            self.step = text


def order_of(row: RunRow, job: Job, token: str) -> Mapping[str, Any]:
    """The line of JSON that a worker gets."""
    return {
        "job": row.job,
        "key": row.key,
        "claim": token,
        "kind": job.kind.value,
        "due_at": iso(from_unix_us(row.due_us)),
        "cause": row.cause,
        "attempt": row.attempt,
        "timeout_s": job.timeout_s,
        "params": json.loads(row.params),
        "definition": definition_of(job.model_copy(update=_NOT_TOLD)),
    }
