"""Contain: disarm, stop, capture, in that order; each as it happens, none keeping the next from happening.

Nothing heavy is imported before the stop's unlinks, but what a disarm needs, and that has a deadline of its
own beside them. What happened is recorded last; where no node answers, the files tell it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.stop import StopOutcome, login, stop_now

if TYPE_CHECKING:
    from peak_console.domain.events import EventDraft

ALL: Final = ("disarm", "stop", "capture")
"""The one-minute actions in their order: ``! d``, ``! s``, ``! c``; ``! a`` does all."""

_FIRST: Final = {"disarm": 0, "stop": 1}
"""What is done first is told first, however long the node takes to answer."""
_DISARM_S: Final = 0.5
"""How long a stop that was asked for as well waits for the disarm; both go on then."""
_RECORD_S: Final = 1.0
_SILENT_S: Final = 0.3
"""How long a node is asked again that gave no answer a moment ago."""
_BOOT_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step that is over. ``at_ms`` counts from the key, ``ms`` is how long the step itself took."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    at_ms: int = 0
    ms: int = 0

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "step": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "remedy": self.remedy or None,
            "at_ms": self.at_ms,
            "ms": self.ms,
        }


Told = Callable[[StepDone], object]


@dataclass(frozen=True, slots=True)
class Contained:
    """What was done, of which incident, and what of it is on record."""

    incident_id: str
    opened: bool
    """Whether the incident was opened by this: none stood open."""
    steps: tuple[StepDone, ...]
    recorded: bool
    """Whether the ledger has it; where not, ``why`` says so."""
    why: str = ""
    captured: str = ""
    """Where the capture lies; empty where there is none."""

    @property
    def ok(self) -> bool:
        """Whether every action that was asked for was done."""
        return all(one.ok for one in self.steps)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "incident_id": self.incident_id,
            "opened": self.opened,
            "ok": self.ok,
            "steps": [one.as_json() for one in self.steps],
            "recorded": self.recorded,
            "why": self.why or None,
            "captured": self.captured or None,
        }


def contain(
    ws: Workspace,
    *,
    do: Sequence[str] = ALL,
    reason: str = "",
    operator: str = "",
    told: Told | None = None,
    incident_id: str = "",
) -> Contained:
    """Do what of :data:`ALL` is in ``do``, in their order, for ``incident_id`` or the newest that is open.

    Where none is open, an incident of trigger ``operator`` is opened; its id is made here, so that no node is
    needed for it. Never raises and never refuses: look at the steps. ``told`` gets each as it is over; what
    it raises is swallowed, because a screen that fails must not keep a stop from happening.
    """
    return _Containing(ws, frozenset(do), reason, operator or login(), told).run(incident_id)


@dataclass
class _Containing:
    ws: Workspace
    do: frozenset[str]
    reason: str
    operator: str
    told: Told | None
    key_ns: int = field(default_factory=lambda: time.clock_gettime_ns(_BOOT_CLOCK))
    steps: list[StepDone] = field(default_factory=list)
    became_stop: bool = False
    """Whether the disarm had to stop everything."""
    silent: bool = False
    """Whether the node has given no answer in its time: nothing waits for it as long again."""
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def run(self, incident_id: str) -> Contained:
        disarming = self._disarming() if "disarm" in self.do else None
        outcome = self._stop() if "stop" in self.do else None
        self.silent = disarming is not None and disarming.is_alive()
        ending = None if outcome is None else self._after_stop(outcome)
        if disarming is not None:
            disarming.join()
        if self.became_stop and ending is None:
            work = ("background", self._background)
            ending = threading.Thread(target=self._guarded, args=work, daemon=True)
            ending.start()
        incident_id, opened = at_hand(self.ws, incident_id)
        why = self._record(incident_id, opened=opened)
        captured = self._capture(incident_id) if "capture" in self.do else ""
        if ending is not None:
            ending.join()
        steps = sorted(self.steps, key=lambda one: _FIRST.get(one.name, len(_FIRST)))
        return Contained(incident_id, opened, tuple(steps), not why, why, captured)

    # -- the actions

    def _disarming(self) -> threading.Thread:
        """Disarm on a thread: a node that hangs must not hold up the stop."""
        thread = threading.Thread(target=self._guarded, args=("disarm", self._disarm), daemon=True)
        thread.start()
        thread.join(_DISARM_S)
        return thread

    def _disarm(self) -> tuple[bool, str, str]:
        from peak_console.operations.lowering import disarm  # noqa: PLC0415 - heavier than a stop's unlinks

        lowered = disarm(self.ws, reason=self.reason, operator=self.operator)
        self.became_stop = lowered.escalated
        self.silent = self.silent or any(step.step == "ask the node" for step, _ in lowered.failed)
        told = [lowered.line, f"orders: {lowered.venues.detail}" if lowered.venues else ""]
        orders = lowered.venues.remedy if lowered.venues else ""
        remedy = "; ".join(one for one in (lowered.remedy, orders) if one)
        return lowered.effective, "; ".join(one for one in told if one), remedy

    def _stop(self) -> StopOutcome | None:
        found: list[StopOutcome] = []

        def stopping() -> tuple[bool, str, str]:
            outcome = stop_now(self.ws.control, reason=self.reason, operator=self.operator)
            found.append(outcome)
            failed = [f"{step.step}: {step.detail}" for step, _ in outcome.failed]
            remedy = "; ".join(dict.fromkeys(remedy for _, remedy in outcome.failed))
            if not outcome.effective:
                return False, f"NOT STOPPED: {'; '.join(failed)}", remedy
            return True, "; ".join(["STOPPED, read back", *failed]), remedy

        self._guarded("stop", stopping)
        return found[0] if found else None

    def _after_stop(self, outcome: StopOutcome) -> threading.Thread:
        """Record the stop, end orders and background work, see who acknowledged; beside the capture.

        Orders are cancelled first and waited for last.
        """
        from peak_console.control.venues import begin_cancel_all, venues_of  # noqa: PLC0415 - after the unlinks

        orders = begin_cancel_all(venues_of(self.ws.root))

        def recording() -> tuple[bool, str, str]:
            from peak_console.operations.stop import PATIENCE_S, SILENT_S, record_stop  # noqa: PLC0415 - likewise

            found = record_stop(self.ws, outcome, patience_s=SILENT_S if self.silent else PATIENCE_S)
            self.silent = self.silent or found.seq is None
            return _told_of(found)

        def cancelling() -> tuple[bool, str, str]:
            step = orders.result()
            return step.ok, f"orders: {step.detail}", step.remedy

        def acknowledging() -> tuple[bool, str, str]:
            from peak_console.operations.workers import PATIENCE_S, acknowledgements  # noqa: PLC0415 - likewise

            found = acknowledgements(self.ws, outcome.stop_id, patience_s=PATIENCE_S)
            return found.ok, f"workers: {found.detail}", found.remedy

        def all_of_it() -> None:
            beside = threading.Thread(target=self._guarded, args=("cancel_all", cancelling), daemon=True)
            beside.start()
            self._guarded("workers", acknowledging)
            self._guarded("background", self._background)
            beside.join()

        self._guarded("record the stop", recording)
        thread = threading.Thread(target=all_of_it, daemon=True)
        thread.start()
        return thread

    def _background(self) -> tuple[bool, str, str]:
        from peak_console.operations.stop_background import cancel_background  # noqa: PLC0415 - after the unlinks

        step = cancel_background([self.ws])[0]
        remedies = [step.remedy, *(one.remedy for one in step.failed)]
        remedy = "; ".join(dict.fromkeys(one for one in remedies if one))
        return step.ok, f"background work: {step.detail}", remedy

    def _capture(self, incident_id: str) -> str:
        where: list[str] = []

        def capturing() -> tuple[bool, str, str]:
            from peak_console.operations.capture import capture  # noqa: PLC0415 - last, and heaviest

            done = capture(self.ws, incident_id, operator=self.operator, reason=self.reason)
            where.append(str(done.path))
            return done.ok, done.line, done.remedy

        self._guarded("capture", capturing)
        if not where:  # a capture that was made has recorded itself
            self._append(incident_id, [action_draft(incident_id, self.steps[-1])])
        return where[0] if where else ""

    # -- the incident and its record

    def _record(self, incident_id: str, *, opened: bool) -> str:
        """Record the opening and each action; why not, where it could not be."""
        drafts = [self._opening(incident_id)] if opened else []
        drafts += [action_draft(incident_id, one) for one in self.steps if one.name in ALL]
        return self._append(incident_id, drafts)

    def _append(self, incident_id: str, drafts: "list[EventDraft]") -> str:
        """Record; where it cannot be, keep it for the next node. Why not, where it could not be."""
        why = self._appended(drafts)
        return f"{why}{kept(self.ws, incident_id, drafts)}" if why else ""

    def _appended(self, drafts: "list[EventDraft]") -> str:
        from peak_console.control.sockets import find_socket  # noqa: PLC0415 - after the unlinks
        from peak_console.domain.errors import PeakError  # noqa: PLC0415 - likewise
        from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - likewise

        if not drafts:
            return ""
        try:
            path, patience_s = find_socket(self.ws.control), _SILENT_S if self.silent else _RECORD_S
            with BlockingLedgerClient.connect(path, name="contain", deadline_s=patience_s) as client:
                client.append(drafts)
        except PeakError as error:
            return error.message
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _opening(self, incident_id: str) -> "EventDraft":
        done = ", ".join(name for name in ALL if name in self.do)
        summary = f"{self.operator} asked for: {done}"
        return opening_draft(
            incident_id, self.operator, f"{summary}: {self.reason}" if self.reason else summary
        )

    # -- telling

    def _guarded(self, name: str, action: Callable[[], tuple[bool, str, str]]) -> None:
        """Do one step, whatever it raises, and tell how it ended."""
        began = time.clock_gettime_ns(_BOOT_CLOCK)
        try:
            ok, detail, remedy = action()
        except Exception as error:  # noqa: BLE001 - the next step must happen, whatever this one came to
            ok, detail = False, getattr(error, "message", "") or f"{type(error).__name__}: {error}"
            remedy = getattr(error, "remedy", "") or _REMEDIES.get(name, "look at: peak status")
        now = time.clock_gettime_ns(_BOOT_CLOCK)
        step = StepDone(
            name, ok, detail, remedy, (now - self.key_ns) // 1_000_000, (now - began) // 1_000_000
        )
        with self.one_at_a_time:
            self.steps.append(step)
            if self.told is not None:
                with suppress(Exception):
                    self.told(step)


_REMEDIES: Final = {
    "disarm": "stop everything, which ends arming too: peak stop",
    "stop": "by hand, as its owner: rm audits/control/ENABLED",
    "capture": "try again: peak capture",
}


def at_hand(ws: Workspace, incident_id: str = "") -> tuple[str, bool]:
    """The incident meant, or the newest that is open, or the id of one to open; and whether it is that.

    Never raises: where the ledger cannot be read nobody knows of an open one, and a new id needs no node.
    """
    from peak_console.domain.errors import PeakError  # noqa: PLC0415 - after the unlinks

    if incident_id:
        return incident_id, False
    with suppress(PeakError, OSError):
        from peak_console.ledger.reader import LedgerReader  # noqa: PLC0415 - likewise
        from peak_console.operations.incidents.reading import newest_open, read_incidents  # noqa: PLC0415

        with LedgerReader(ws.ledger) as reader:
            found = newest_open(read_incidents(reader))
        if found is not None:
            return found.incident_id, False
    return _new_incident_id(), True


def kept(ws: Workspace, incident_id: str, drafts: "Sequence[EventDraft]") -> str:
    """Keep events for the next node; what else is wrong where that fails, to be said after why."""
    from peak_console.control.keys import state_folder  # noqa: PLC0415 - after the unlinks
    from peak_console.control.late_files import leave, places  # noqa: PLC0415 - likewise

    try:
        leave(places(ws.root, ws.control, state_folder()), incident_id, drafts)
    except (OSError, ValueError) as error:
        return f"; nor could it be kept for the next node: {getattr(error, 'strerror', '') or error}"
    return ""


def opening_draft(incident_id: str, operator: str, summary: str) -> "EventDraft":
    """The ``incident.opened`` of somebody who acts where no incident stands open."""
    from peak_console.domain.events import EventDraft, EventKind  # noqa: PLC0415 - after the unlinks
    from peak_console.domain.incidents import Auto, Trigger  # noqa: PLC0415 - likewise
    from peak_console.domain.text import one_line  # noqa: PLC0415 - likewise

    body = {
        "incident_id": incident_id,
        "trigger": Trigger.OPERATOR.value,
        "cause": one_line(operator, 100),
        "scope": "global",
        "summary": one_line(summary, 400),
        "figures": {},
        "auto": Auto.NONE.value,
        "next_action": "say what it is about, and close it when it is over",
    }
    return EventDraft(_opening_id(incident_id), EventKind.INCIDENT_OPENED.value, body)


def action_draft(incident_id: str, step: StepDone) -> "EventDraft":
    """The ``incident.action_taken`` of one step."""
    from peak_console.domain.events import EventDraft, EventKind  # noqa: PLC0415 - after the unlinks
    from peak_console.domain.text import one_line  # noqa: PLC0415 - likewise

    body = {
        "incident_id": incident_id,
        "action": step.name,
        "ok": step.ok,
        "ms": step.ms,
        "detail": one_line(step.detail, 400),
    }
    return EventDraft(_new_event_id(), EventKind.INCIDENT_ACTION_TAKEN.value, body)


def _new_incident_id() -> str:
    import secrets  # noqa: PLC0415 - after the unlinks
    from datetime import UTC, datetime  # noqa: PLC0415 - likewise

    from peak_console.domain.ids import new_incident_id  # noqa: PLC0415 - likewise

    return new_incident_id(datetime.now(UTC), secrets.token_bytes)


def _opening_id(incident_id: str) -> str:
    """An incident is opened once, however often that is recorded."""
    import hashlib  # noqa: PLC0415 - after the unlinks

    from peak_console.domain.ids import crockford  # noqa: PLC0415 - likewise

    return "ev_" + crockford(hashlib.sha256(f"{incident_id}/opened".encode()).digest()[:15])


def _new_event_id() -> str:
    import secrets  # noqa: PLC0415 - after the unlinks

    from peak_console.domain.ids import new_event_id  # noqa: PLC0415 - likewise

    return new_event_id(secrets.token_bytes)


def _told_of(recorded: Any) -> tuple[bool, str, str]:
    """A stop's record as a step: one that is not there yet is the next node's to write, and no failure."""
    return True, recorded.line, ""
