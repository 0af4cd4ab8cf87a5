"""Enable, as a generator of atomic steps over files and ledger (ADR 0003).

The operator's enable looks, takes ``ENABLING``, looks again, records, renames, and removes the stop it saw.
Whatever goes wrong ends in "not enabled".
"""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from peak_console.control.files import (
    ENABLED,
    ENABLING,
    STOP,
    Action,
    ControlFolder,
    Create,
    Read,
    Rename,
    Sync,
    Unlink,
    identity,
    perform,
    run,
)
from peak_console.control.history import ControlHistory


@dataclass(frozen=True, slots=True)
class AskHistory:
    """Ask the node for its fold of enables and stops."""


@dataclass(frozen=True, slots=True)
class RecordStop:
    """Have the stop that stands in the files recorded, unless it is."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class RecordEnable:
    """Record the enable durably; refused when anybody enabled or stopped after ``after_event``."""

    after_stop: str | None
    after_event: str | None


LedgerAction = AskHistory | RecordStop | RecordEnable


class ControlLedger(Protocol):
    """What an enable needs of the ledger; every method raises when it could not be done."""

    def history(self) -> ControlHistory:
        """The fold of enables and stops, as of now."""
        ...

    def record_stop(self, stop_id: str) -> None:
        """Record the stop of this id; does nothing when it is on record."""
        ...

    def record_enable(self, *, after_stop: str | None, after_event: str | None) -> None:
        """Record the enable, proved by the operator's key; returns when it is durable."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood there when the operator's enable looked."""

    stop: str | None
    enabled: str | None
    after_event: str | None
    """The last enable or stop on record by then."""

    def same_files(self, other: "Seen") -> bool:
        """Whether the files said the same."""
        return (self.stop, self.enabled) == (other.stop, other.enabled)


@dataclass(frozen=True, slots=True)
class EnableReport:
    """How an enable ended. ``reason`` is ``enabled`` or why it was refused; ``error`` is what was raised."""

    enabled: bool
    reason: str
    error: Exception | None = None


REMEDIES = {
    "unsettled": "a stop or an enable is on its way; wait a second, look at peak status, and try again",
    "enable_in_progress": "another operator is enabling; wait until peak status shows the result",
    "stopped_meanwhile": "somebody stopped while this enable ran; find out why before enabling again",
    "enabled_meanwhile": "another operator enabled meanwhile; look at peak status",
    "not_recorded": "mend what kept it from being recorded, then enable again",
    "folder_not_writable": "check who may write the control folder: ls -ld audits/control",
    "folder_unreadable": "check who may read the control folder: ls -ld audits/control",
    "rename_failed": "check who may write the control folder: ls -ld audits/control",
    "stop_not_removed": "check who may write the control folder: ls -ld audits/control",
}


def enable(
    event_id: str, data: bytes, folder: ControlFolder, ledger: ControlLedger, stale: Callable[[bytes], bool]
) -> EnableReport:
    """Drive :func:`enable_steps` on a folder and a ledger; raises what asking the ledger raises."""

    def do(action: Action | LedgerAction) -> Any:
        match action:
            case AskHistory():
                return ledger.history()
            case RecordStop(stop_id):
                return ledger.record_stop(stop_id)
            case RecordEnable(after_stop, after_event):
                return ledger.record_enable(after_stop=after_stop, after_event=after_event)
            case _:
                return perform(action, folder)

    report: EnableReport = run(enable_steps(event_id, data, stale), do)
    return report


def enable_steps(
    event_id: str, data: bytes, stale: Callable[[bytes], bool]
) -> Generator[Action | LedgerAction, Any, EnableReport]:
    """Enable. ``stale`` says of the bytes of a foreign ``ENABLING`` whether its maker is dead.

    A wrong ``stale`` is harmless: unlinking ``ENABLING`` can only end an enable, never make one.
    """
    seen = yield from look_steps()
    if seen is None:
        return EnableReport(enabled=False, reason="unsettled")
    try:
        reason = yield from _create_enabling(data, stale)
    except OSError as error:
        return EnableReport(enabled=False, reason="folder_not_writable", error=error)
    if reason is not None:
        return EnableReport(enabled=False, reason=reason)
    reason, raised = yield from _check_record_rename(seen)
    if reason is not None:
        yield from _withdraw(event_id)
        return EnableReport(enabled=False, reason=reason, error=raised)
    try:
        reason = yield from _remove_stop_seen(event_id, seen)
    except OSError as failed:
        yield from _withdraw(event_id)
        return EnableReport(enabled=False, reason="stop_not_removed", error=failed)
    return EnableReport(enabled=reason is None, reason=reason or "enabled")


def look_steps() -> Generator[Action | LedgerAction, Any, Seen | None]:
    """What stands now, ledger first; ``None`` while files and ledger do not agree yet.

    A stop that stands unrecorded is recorded before it can be lifted, and an enable that is on record but
    not in the files (on its way, or just stopped) is waited out: else a stop that could leave no trace on a
    full disk would be invisible here.
    """
    seen, known = yield from _look_once()
    if seen.stop is not None and seen.stop not in known.stops:
        yield RecordStop(seen.stop)
        again, known = yield from _look_once()
        if not again.same_files(seen):
            return None
        seen = again
    return seen if known.in_force in {None, seen.enabled} else None


def _look_once() -> Generator[Action | LedgerAction, Any, tuple[Seen, ControlHistory]]:
    known = yield AskHistory()
    stop, enabled = yield from _read_both()
    return Seen(stop, enabled, known.last), known


def _read_both() -> Generator[Action, Any, tuple[str | None, str | None]]:
    stop = yield Read(STOP)
    enabled = yield Read(ENABLED)
    return identity(stop, "stop_id"), identity(enabled, "event_id")


def _create_enabling(data: bytes, stale: Callable[[bytes], bool]) -> Generator[Action, Any, str | None]:
    """Why ``ENABLING`` is not ours; ``None`` when it is."""
    for _ in range(2):
        try:
            yield Create(ENABLING, data)
        except FileExistsError:
            other = yield Read(ENABLING)
            if other is not None and not stale(other):
                break
            yield Unlink(ENABLING)
        else:
            return None
    return "enable_in_progress"


def _check_record_rename(
    seen: Seen,
) -> Generator[Action | LedgerAction, Any, tuple[str | None, Exception | None]]:
    """The middle of an enable; gives why it ends here, ``None`` when ``ENABLED`` stands."""
    try:
        stop, enabled = yield from _read_both()
    except OSError as error:
        return "folder_unreadable", error
    if stop != seen.stop or (enabled is None and seen.enabled is not None):
        return "stopped_meanwhile", None
    if enabled != seen.enabled:
        return "enabled_meanwhile", None
    try:
        yield RecordEnable(seen.stop, seen.after_event)
    except Exception as error:  # noqa: BLE001 - whatever kept it from being recorded, it is not enabled
        return "not_recorded", error
    try:
        yield Rename(ENABLING, ENABLED)
    except FileNotFoundError:
        return "stopped_meanwhile", None
    except OSError as error:
        return "rename_failed", error
    return None, None


def _remove_stop_seen(event_id: str, seen: Seen) -> Generator[Action, Any, str | None]:
    """The end of an enable: remove the stop that was seen and no other; hold only what is ours."""
    stop = yield Read(STOP)
    found = identity(stop, "stop_id")
    if found is not None and found != seen.stop:
        yield Unlink(ENABLED)
        return "stopped_meanwhile"
    if found is not None:
        yield Unlink(STOP)
    with contextlib.suppress(OSError):  # an enable that a power cut undoes is a stop: the safe direction
        yield Sync()
    enabled = yield Read(ENABLED)
    return None if identity(enabled, "event_id") == event_id else "stopped_meanwhile"


def _withdraw(event_id: str) -> Generator[Action, Any, None]:
    """Take back what may have been made, as far as it goes.

    ``ENABLED`` may already stand for this enable: another one may have renamed our ``ENABLING`` for its own.
    What cannot be unlinked permits nothing without its record and a lease that names it.
    """
    with contextlib.suppress(OSError):
        yield Unlink(ENABLING)
    with contextlib.suppress(OSError):
        if identity((yield Read(ENABLED)), "event_id") == event_id:
            yield Unlink(ENABLED)
