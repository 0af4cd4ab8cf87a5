"""A run that has a worker now, and the order that the worker gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.node.scheduling.tables import RunRow
from peak_console.node.scheduling.worker_process import WorkerProcess


@dataclass(slots=True)
class Running:
    """A claim, its worker, and what the worker said last."""

    row: RunRow
    job: Job
    worker: WorkerProcess
    token: str
    run_id: str = ""
    step: str = ""

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
    }
