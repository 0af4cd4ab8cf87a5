"""Who makes calls in a workspace, and who has acknowledged its last stop, as the node tells it."""

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.sockets import find_socket
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.ledger.service.blocking import BlockingLedgerClient

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_CONNECT_S: Final = 0.5
_LOOK_S: Final = 0.02
_LISTED: Final = 256

STEP: Final = "workers"
PATIENCE_S: Final = 1.0
"""How long a stop waits for its workers before it names who is missing; they take some 50 ms."""


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker, and how it stands to the last stop; ``acknowledged_ms`` since the node announced it."""

    name: str
    pid: int
    """0 where nobody tells it."""
    acknowledged_ms: int | None = None
    cancelled: int = 0
    """Calls that it cancelled for the stop."""
    missing: bool = False
    """Whether it owes an acknowledgement, or went away with calls in flight."""
    actor: str = ""

    @property
    def shown(self) -> str:
        """Its name and process."""
        return f"{self.name} (pid {self.pid})" if self.pid else self.name

    def as_dict(self) -> dict[str, Any]:
        """The worker in a document."""
        return {
            "name": self.name,
            "pid": self.pid,
            "actor": self.actor,
            "acknowledged_ms": self.acknowledged_ms,
            "cancelled": self.cancelled,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class Attendance:
    """The workers, asked after one stop; ``problem`` says why nobody knows of any."""

    workers: tuple[WorkerLine, ...] = ()
    over: bool = True
    """Whether all have acknowledged, or their time is over."""
    announced: bool = False
    """Whether the node has told them of the stop."""
    problem: str = ""
    at_us: int = 0

    @property
    def missing(self) -> tuple[WorkerLine, ...]:
        """Who has not acknowledged."""
        return tuple(one for one in self.workers if one.missing)

    @property
    def ok(self) -> bool:
        """Whether nobody is missing, as far as anybody can tell; where no node tells, the files bind them."""
        return not self.missing

    @property
    def detail(self) -> str:
        """The workers in one line."""
        if self.problem:
            return self.problem
        if not self.workers:
            return "none connected"
        if not self.announced:
            return f"{len(self.workers)} connected, not told of a stop"
        if self.missing:
            return "no word from " + ", ".join(one.shown for one in self.missing)
        cancelled = sum(one.cancelled for one in self.workers)
        calls = f"{cancelled} call{'' if cancelled == 1 else 's'} cancelled"
        return f"{len(self.workers)} acknowledged, {calls}"

    @property
    def remedy(self) -> str:
        """What to do about those that are missing."""
        if self.missing:
            return "what they send is refused; end one that stays silent by its pid: kill PID"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """The step beside the others of a stop."""
        return {"step": STEP, "ok": self.ok, "detail": self.detail, "at_us": self.at_us}


def workers_of(ws: Workspace) -> tuple[WorkerLine, ...]:
    """The workers as they stand to the last stop; none where no node tells. Never raises."""
    return acknowledgements(ws).workers


def acknowledgements(ws: Workspace, stop_id: str = "", *, patience_s: float = 0.0) -> Attendance:
    """Who has acknowledged ``stop_id``, waited for at most ``patience_s``. Never raises.

    Returns as soon as everybody has. A node that is dead tells nothing: its workers' next sends are refused
    all the same, and what they have in flight they cancel by the files.
    """
    try:
        with BlockingLedgerClient.connect(
            find_socket(ws.control), name="workers", deadline_s=_CONNECT_S
        ) as client:
            found = _asked(client, stop_id, patience_s)
    except PeakError as error:
        found = Attendance(problem=f"not known: {one_line(error.message, 200)}")
    except OSError as error:
        found = Attendance(problem=f"not known: {one_line(error.strerror or str(error), 200)}")
    return replace(found, at_us=time.clock_gettime_ns(_BOOT_CLOCK) // 1000)


def _asked(client: BlockingLedgerClient, stop_id: str, patience_s: float) -> Attendance:
    until = time.monotonic() + patience_s
    while True:
        found = attendance(client.request("workers", stop_id=stop_id))
        waiting = bool(found.workers) and (not found.over or (bool(stop_id) and not found.announced))
        if not waiting or time.monotonic() + _LOOK_S >= until:
            return found
        time.sleep(_LOOK_S)


def attendance(told: dict[str, Any]) -> Attendance:
    """What the node's operation ``workers`` says; whatever is no worker is passed over. Pure."""
    rows = told.get("workers")
    lines = [_line(row) for row in rows[:_LISTED] if isinstance(row, dict)] if isinstance(rows, list) else []
    return Attendance(
        workers=tuple(lines), over=told.get("over") is True, announced=isinstance(told.get("stop"), dict)
    )


def _line(row: dict[str, Any]) -> WorkerLine:
    ms, pid, cancelled = row.get("acknowledged_ms"), row.get("pid"), row.get("cancelled")
    return WorkerLine(
        name=one_line(str(row.get("name") or row.get("actor") or "worker"), 64),
        pid=pid if type(pid) is int else 0,
        acknowledged_ms=ms if type(ms) is int else None,
        cancelled=cancelled if type(cancelled) is int else 0,
        missing=row.get("missing") is True,
        actor=one_line(str(row.get("actor", "")), 100),
    )
