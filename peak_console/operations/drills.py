"""Drills: the one-minute actions on a workspace of their own, with the code that does them in earnest.

A drill runs in a process of its own on a throw-away workspace with a node, a worker and keys of its own; the
real one is neither read nor written, but for the record of how it came out.
"""

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import new_event_id
from peak_console.domain.incidents import DrillKind
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.ledger import existing
from peak_console.operations.rehearsal_commands import ELSEWHERE, drill_command
from peak_console.operations.views.body_fields import listed, mapping, text_of, time_of, whole

MODULE: Final = "peak_console.node.drillchild"
"""The process of a drill; named, not imported: it composes a node."""

HERE: Final = (DrillKind.DISARM, DrillKind.STOP, DrillKind.CAPTURE, DrillKind.CONTAIN, DrillKind.ALERT)
"""What is drilled here."""

MOST_S: Final = 60.0
"""How long a drill may take before it is ended and counts as failed."""

_PASSED: Final = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "VIRTUAL_ENV")
_GRACE_S: Final = 10.0
_LINE_BYTES: Final = 65_536
_LISTED: Final = 1000


@dataclass(frozen=True, slots=True)
class DrillStep:
    """One step of a drill, and how long it took in milliseconds."""

    step: str
    ms: int
    ok: bool
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is recorded and shown."""
        return {"step": self.step, "ms": self.ms, "ok": self.ok, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class DrillReport:
    """How a drill came out; it held where every step did."""

    kind: DrillKind
    steps: tuple[DrillStep, ...]
    ended: bool
    """Whether it came to its end."""

    @property
    def held(self) -> bool:
        """Whether everything did what it is there for."""
        return self.ended and bool(self.steps) and all(one.ok for one in self.steps)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "drill": self.kind.value,
            "held": self.held,
            "steps": [one.as_json() for one in self.steps],
        }


@dataclass(frozen=True, slots=True)
class DrillLine:
    """When a kind was drilled last, and how it came out; ``at`` is ``None`` where it never was."""

    kind: DrillKind
    at: datetime | None
    held: bool = False
    operator: str = ""
    steps: tuple[DrillStep, ...] = ()
    seq: int = 0
    cli: str = ""

    def as_json(self, now: datetime) -> dict[str, Any]:
        """As ``peak incident drill --list --json`` shows it."""
        return {
            "drill": self.kind.value,
            "at": None if self.at is None else iso(self.at),
            "age_s": None if self.at is None else round((now - self.at).total_seconds()),
            "held": self.held if self.at is not None else None,
            "operator": self.operator or None,
            "steps": [one.as_json() for one in self.steps],
            "seq": self.seq or None,
            "cli": self.cli,
        }


def drill_named(text: str) -> DrillKind:
    """The kind that ``text`` names; raises ``UsageWrong`` for none, and for one that is drilled elsewhere."""
    if text not in set(DrillKind):
        raise UsageWrong(
            f"{text!r:.40} is no drill",
            code="drill_unknown",
            remedy=f"choose one of: {', '.join(HERE)}; see: peak incident drill --list",
        )
    kind = DrillKind(text)
    if kind in ELSEWHERE:
        raise UsageWrong(
            f"{kind} is drilled by its own command", code="drill_elsewhere", remedy=f"run: {ELSEWHERE[kind]}"
        )
    return kind


def run_drill(
    kind: DrillKind,
    *,
    told: Callable[[DrillStep], object] | None = None,
    environ: Mapping[str, str] | None = None,
    most_s: float = MOST_S,
) -> DrillReport:
    """Run one drill in a process of its own; ``told`` gets each step as it ends.

    Raises ``EnvironmentUnfit`` where that process cannot be started; whatever becomes of it then is told in
    the report.
    """
    steps: list[DrillStep] = []
    ended = False
    for line in _lines(kind, os.environ if environ is None else environ, most_s):
        if line.get("ended") is True:
            ended = True
            continue
        step = step_from(line)
        if step is not None:
            steps.append(step)
            if told is not None:
                told(step)
    if not ended:
        step = DrillStep(
            "drill", int(most_s * 1000), ok=False, detail="it broke off; the real one is untouched"
        )
        steps.append(step)
        if told is not None:
            told(step)
    return DrillReport(kind, tuple(steps), ended)


def record_drill(
    ws: Workspace,
    client: BlockingLedgerClient,
    report: DrillReport,
    *,
    note: str = "",
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Record how it came out, proved by an operator; gives the event's place. Raises as the node refuses."""
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    operator = choose_operator(store, by)
    body = {**report.as_json(), "note": one_line(note, 500), "operator": operator}
    draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.DRILL_FINISHED.value, body)
    return append_proved(client, store, operator, draft)


def list_drills(ws: Workspace, clock: Clock | None = None) -> tuple[datetime, tuple[DrillLine, ...]]:
    """Now, and every kind of drill with its last time. Raises ``LedgerUnavailable``."""
    wanted = EventFilter(kinds=(EventKind.DRILL_FINISHED.value,))
    with LedgerReader(existing(ws).ledger) as reader:
        events = reader.find(wanted, limit=_LISTED).events
    return (clock or SystemClock()).now(), last_drills(events)


def last_drills(events: Iterable[LedgerEvent]) -> tuple[DrillLine, ...]:
    """Every kind with the newest of ``events`` (the newest first); whatever their bodies hold. Pure."""
    newest: dict[str, LedgerEvent] = {}
    for event in events:
        newest.setdefault(str((event.body or {}).get("drill")), event)
    return tuple(_line(kind, newest.get(kind.value)) for kind in DrillKind)


def step_from(fields: Any) -> DrillStep | None:
    """A step as :meth:`DrillStep.as_json` wrote it; ``None`` for anything else."""
    told = mapping(fields)
    name, ms = text_of(told.get("step")), whole(told.get("ms"))
    if name is None or ms is None:
        return None
    detail = one_line(text_of(told.get("detail")) or "", 300)
    return DrillStep(one_line(name, 80), ms, told.get("ok") is True, detail)


def _line(kind: DrillKind, event: LedgerEvent | None) -> DrillLine:
    cli = drill_command(kind)
    if event is None:
        return DrillLine(kind, None, cli=cli)
    body = mapping(event.body)
    steps = (step_from(one) for one in listed(body.get("steps")))
    return DrillLine(
        kind,
        time_of(event),
        body.get("held") is True,
        one_line(text_of(body.get("operator")) or event.actor, 100),
        tuple(one for one in steps if one is not None),
        event.seq,
        cli,
    )


def _lines(kind: DrillKind, environ: Mapping[str, str], most_s: float) -> Iterator[dict[str, Any]]:
    """What the process of a drill says, until it ends or its time is over."""
    with tempfile.TemporaryDirectory(prefix="peak-drill-", ignore_cleanup_errors=True) as folder:
        own = {name: environ[name] for name in _PASSED if name in environ}
        own |= {"PEAK_KEYS_DIR": f"{folder}/keys", "PEAK_STATE_DIR": f"{folder}/state"}
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", MODULE, "--kind", kind.value, "--folder", folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=own,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentUnfit(
                f"the drill cannot be started: {error.strerror}", code="drill_unfit", remedy="try again"
            ) from error
        until = time.monotonic() + most_s
        with process:
            try:
                yield from _told_by(process, until)
            finally:
                _end(process, grace_s=_GRACE_S if time.monotonic() < until else 0.0)


def _told_by(process: "subprocess.Popen[bytes]", until: float) -> Iterator[dict[str, Any]]:
    if process.stdout is None:
        return
    heard = b""
    handle = process.stdout.fileno()
    while (left := until - time.monotonic()) > 0:
        if not select.select((handle,), (), (), left)[0]:
            return
        chunk = os.read(handle, _LINE_BYTES)
        if not chunk:
            return
        *whole_lines, heard = (heard + chunk).split(b"\n")
        for line in whole_lines:
            with contextlib.suppress(ValueError):
                fields = json.loads(line)
                if isinstance(fields, dict):
                    yield fields


def _end(process: "subprocess.Popen[bytes]", *, grace_s: float) -> None:
    """Let it take down what it made; then whatever is left is killed: its node ends with it."""
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
