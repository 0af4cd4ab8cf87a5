"""Background work of the simulated Responses interface: queued, in progress, done or cancelled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.simulator import responses_wire
from peak_console.simulator.exchange import Written

_KEPT: Final = 10_000
_QUEUED_SHARE: Final = 0.2


@dataclass(slots=True)
class Job:
    """One accepted response: what it will say, and when."""

    written: Written
    started_s: float
    lasts_s: float
    kept_s: float
    """How long after its end it can be fetched."""
    cancelled: bool = False

    def status(self, now_s: float) -> str:
        """The provider's word for how far it is."""
        if self.cancelled:
            return "cancelled"
        gone = now_s - self.started_s
        if gone >= self.lasts_s:
            return "completed"
        return "queued" if gone < self.lasts_s * _QUEUED_SHARE else "in_progress"


@dataclass(slots=True)
class Jobs:
    """The responses that a simulated provider works on or keeps, by id."""

    now_s: Callable[[], float]
    kept_s: float = 600.0
    jobs: dict[str, Job] = field(default_factory=dict)

    def begin(self, written: Written, lasts_s: float) -> dict[str, Any]:
        """Accept work; the response object as it stands at once."""
        while len(self.jobs) >= _KEPT:
            self.jobs.pop(next(iter(self.jobs)))
        body = responses_wire.answer(written, "queued")
        self.jobs[body["id"]] = Job(written, self.now_s(), lasts_s, self.kept_s)
        return body

    def look(self, response_id: str) -> dict[str, Any] | None:
        """The response object now; ``None`` for one that is not known, or not kept any more."""
        job = self.jobs.get(response_id)
        now_s = self.now_s()
        if job is None or now_s > job.started_s + job.lasts_s + job.kept_s:
            return None
        return responses_wire.answer(job.written, job.status(now_s))

    def cancel(self, response_id: str) -> dict[str, Any] | None:
        """End work that still goes on; the response object afterwards."""
        job = self.jobs.get(response_id)
        if job is not None and job.status(self.now_s()) in {"queued", "in_progress"}:
            job.cancelled = True
        return self.look(response_id)
