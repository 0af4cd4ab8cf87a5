"""What can be rolled back to from an incident: the last known good matrix, the previous lock, with diffs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError
from peak_console.operations.locking.differing import compared
from peak_console.operations.locking.placing import standing_lock
from peak_console.operations.locking.recorded import record_of
from peak_console.operations.locking.rolling_back import refuse_unsound
from peak_console.operations.locking.showing import lock_named
from peak_console.operations.workbench.history import resolve
from peak_console.operations.workbench.rolling_back import preview_rollback

KNOWN_GOOD: Final = "known-good"
PREVIOUS: Final = "previous"


@dataclass(frozen=True, slots=True)
class RollbackOption:
    """One way back. ``problem`` says why there is none, and ``refused`` why a real one would not pass now."""

    what: str
    """``matrix`` or ``lock``."""
    word: str
    """How the version is named: ``known-good`` or ``previous``."""
    digest: str = ""
    diff: str = ""
    """For the matrix unified; for the lock a line for each entry and field. Foreign text."""
    changes: tuple[str, ...] = ()
    """What differs, one a line: keys of the matrix, entries of the lock."""
    concerns: tuple[str, ...] = ()
    """What has to be confirmed with the typed word."""
    needs_approval: bool = False
    refused: str = ""
    problem: str = ""

    @property
    def possible(self) -> bool:
        """Whether it may be asked for now."""
        return not self.problem and not self.refused

    @property
    def cli(self) -> str:
        """The command that does it."""
        confirm = " --confirm CHANGE" if self.concerns else ""
        return f'peak {self.what} rollback {self.word} --reason "..."{confirm}'

    @property
    def rehearse_cli(self) -> str:
        """The command that rehearses it."""
        return f'peak {self.what} rollback {self.word} --rehearse --reason "..."'


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """The ways back as of one moment."""

    taken_at: datetime
    matrix: RollbackOption
    lock: RollbackOption


def rollback_options(ws: Workspace, clock: Clock | None = None) -> RollbackOptions:
    """The last known good matrix and the lock before this one, with what would change. Never raises."""
    clock = clock or SystemClock()
    return RollbackOptions(clock.now(), _matrix(ws, clock), _lock(ws, clock))


def _matrix(ws: Workspace, clock: Clock) -> RollbackOption:
    target = target_named("matrix")
    try:
        digest = resolve(ws, target, KNOWN_GOOD)
        seen = preview_rollback(ws, target, digest, now=clock.now())
    except (PeakError, OSError) as error:
        return RollbackOption("matrix", KNOWN_GOOD, problem=_message(error))
    if not seen.changed:
        return RollbackOption("matrix", KNOWN_GOOD, digest, problem="the known good one stands there already")
    errors = seen.checked.errors
    return RollbackOption(
        "matrix",
        KNOWN_GOOD,
        digest,
        seen.diff,
        tuple(f"{one.key}: {one.old or '—'} → {one.new or '—'}" for one in seen.keys),
        tuple(one.message for one in seen.concerns),
        needs_approval=seen.needs_approval and seen.approved_by is None,
        refused=f"lint finds {errors} errors in it under the rules of now" if errors else "",
    )


def _lock(ws: Workspace, clock: Clock) -> RollbackOption:
    try:
        here, lock = standing_lock(ws), lock_named(ws, PREVIOUS)
        if here is None:
            return RollbackOption("lock", PREVIOUS, problem="no lock stands in its place")
        found = compared(here, lock)
        refused = _refused(ws, lock.digest, clock)
    except (PeakError, OSError) as error:
        return RollbackOption("lock", PREVIOUS, problem=_message(error))
    changes = [f"{one.what}: {one.old or '—'} → {one.new or '—'}" for one in found.head]
    for entry in found.entries:
        values = ", ".join(f"{one.what} {one.old or '—'} → {one.new or '—'}" for one in entry.values)
        changes.append(f"{entry.how} {entry.name}" + (f": {values}" if entry.how == "changed" else ""))
    return RollbackOption("lock", PREVIOUS, lock.digest, "\n".join(changes), tuple(changes), refused=refused)


def _refused(ws: Workspace, digest: str, clock: Clock) -> str:
    try:
        refuse_unsound(lock_named(ws, digest), record_of(ws), clock)
    except PeakError as error:
        return error.message
    return ""


def _message(error: PeakError | OSError) -> str:
    return error.message if isinstance(error, PeakError) else error.strerror or str(error)
