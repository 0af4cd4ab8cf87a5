"""What two sides of a history differ in: versions, the disk, a draft, the lock. No widget here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from peak_console.config.editing.differing import text_diff
from peak_console.config.editing.targets import Target
from peak_console.domain.errors import PeakError
from peak_console.operations.views.bench import Bench
from peak_console.operations.views.lock_against import LockAgainst
from peak_console.operations.workbench.shapes import Version
from peak_console.tui.editing import EditorState
from peak_console.tui.ink import EMPTY, Line, Tone
from peak_console.tui.screens.diff_drawing import diff_lines, nothing_differs
from peak_console.tui.screens.lock_drawing import lock_lines
from peak_console.tui.widgets.document import wrapped


class Against(StrEnum):
    """What the version under the cursor is compared with."""

    BEFORE = "the one before"
    MARKED = "the marked one"
    DISK = "the file on disk"
    DRAFT = "the draft"
    GOOD = "the last known good"
    LOCK = "the lock"


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """The versions, and the digest of the file on disk."""

    versions: tuple[Version, ...]
    disk: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The difference that was asked for, as a head and a body; ``problem`` where there is none."""

    left: str
    right: str
    diff: str = ""
    problem: str = ""
    remedy: str = ""
    lock: LockAgainst | None = None
    """Where the other side is the lock."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is to be compared: a version, and what the other side is."""

    target: Target
    one: Version
    other: Version | None
    against: Against
    state: EditorState | None = None


def compared(bench: Bench, sides: Sides, locked: Callable[[str], LockAgainst | None]) -> Compared:
    """The difference; the older text stands on the left, a draft, the disk and the lock on the right."""
    target, one, other, against = sides.target, sides.one, sides.other, sides.against
    here = one.digest[:8]
    try:
        mine = bench.version_text(target, one.digest)
        if against is Against.LOCK:
            return Compared(here, "the lock", lock=locked(mine))
        if against is Against.DISK:
            return _told(here, "disk", mine, bench.standing(target).text or "", target)
        if against is Against.DRAFT and sides.state is not None:
            return _told(here, "draft", mine, sides.state.text, target)
        if other is None:
            return Compared(here, against.value, problem=_why_none(against))
        theirs = bench.version_text(target, other.digest)
    except PeakError as error:
        return Compared(here, against.value, problem=error.message, remedy=error.remedy)
    name = f"{other.digest[:8]} {'known good' if against is Against.GOOD else ''}".strip()
    if other.since > one.since:
        return _told(here, name, mine, theirs, target)
    return _told(name, here, theirs, mine, target)


def other_of(one: Version, against: Against, versions: tuple[Version, ...]) -> Version | None:
    """The other version, where none is marked: the last known good, or the one before ``one``."""
    if against is Against.GOOD:
        return next((each for each in versions if each.known_good), None)
    place = versions.index(one) if one in versions else len(versions)
    return next((each for each in versions[place + 1 :] if each.digest != one.digest), None)


def as_of(versions: tuple[Version, ...], now: datetime) -> tuple[Version, ...]:
    """The versions as they were known at a moment: what came later is not there yet."""
    return tuple(
        replace(one, until=None) if one.until is not None and one.until > now else one
        for one in versions
        if one.since <= now
    )


def _told(left: str, right: str, old: str, new: str, target: Target) -> Compared:
    return Compared(left, right, text_diff(old, new, target.path))


def _why_none(against: Against) -> str:
    return {
        Against.GOOD: "no version was in force long enough without an incident or a stop",
        Against.BEFORE: "this is the oldest version on record",
    }.get(against, "nothing to compare with")


def difference_lines(found: Compared, width: int) -> list[Line]:
    """The difference, or why there is none."""
    if found.problem:
        lines = [EMPTY, *wrapped(found.problem, width, indent="   ", tone=Tone.DIM)]
        more = wrapped(found.remedy, width, indent="   → ", tone=Tone.DIM) if found.remedy else []
        return [*lines, *more]
    if found.lock is not None:
        return lock_lines(found.lock, width, side="THIS VERSION HAS")
    return diff_lines(found.diff, width) if found.diff else nothing_differs("the two say the same")
