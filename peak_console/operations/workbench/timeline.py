"""Which versions of a config were in force when, and who put them there: a fold of ledger events. Pure.

In force is what the node saw (``node.started`` and its ``config.changed``), and what a save found in its
place; who and why is in the operators' events. They are joined by digest, in whatever order they came: a
node may begin after a save, and end before it saw it. A version nobody saved through the workbench was
changed ``outside``.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from peak_console.config.editing.targets import PROMPT_KIND, SCOPE_KIND, Target
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.operations.workbench.approvals import operator_of
from peak_console.operations.workbench.shapes import Version

KINDS: Final = (
    EventKind.NODE_STARTED.value,
    EventKind.CONFIG_CHANGED.value,
    EventKind.MATRIX_CHANGED.value,
    EventKind.MATRIX_ROLLED_BACK.value,
    EventKind.PRICES_CHANGED.value,
    EventKind.LOCK_WRITTEN.value,
    EventKind.LOCK_ROLLED_BACK.value,
    EventKind.INCIDENT_OPENED.value,
    EventKind.CONTROL_STOPPED.value,
)
"""The kinds that are folded."""

SAVED: Final = "saved"
ROLLED_BACK: Final = "rolled_back"
OUTSIDE: Final = "outside"
FIRST: Final = "first"
NEVER: Final = "never_in_force"
"""Recorded, and the file was never replaced: the saving process died between the two."""

_BAD: Final = frozenset({EventKind.INCIDENT_OPENED.value, EventKind.CONTROL_STOPPED.value})
_ROLLBACKS: Final = frozenset({EventKind.MATRIX_ROLLED_BACK.value, EventKind.LOCK_ROLLED_BACK.value})
_LIBRARIES: Final = frozenset({SCOPE_KIND, PROMPT_KIND})
_REASON: Final = 500

Index = Callable[[str], Mapping[str, str] | None]
"""The files of a library by its digest: name to SHA-256; ``None`` where its index is not kept."""


@dataclass(frozen=True, slots=True)
class _Save:
    """An operator's save of the target."""

    event: LedgerEvent
    old: str | None
    new: str

    @property
    def how(self) -> str:
        back = self.event.kind in _ROLLBACKS or (self.event.body or {}).get("how") == ROLLED_BACK
        return ROLLED_BACK if back else SAVED


@dataclass(frozen=True, slots=True)
class _Seen:
    """The node saw this digest; empty where it saw that the file is gone."""

    event: LedgerEvent
    digest: str


def versions_of(
    events: Iterable[LedgerEvent], target: Target, *, disk: str | None, index: Index
) -> tuple[Version, ...]:
    """Every version of ``target``, the newest first. ``events`` are those of :data:`KINDS`, ascending.

    ``disk`` is the digest of the file as it stands: it tells whether the last save was carried out where no
    node saw it. ``kept`` and ``known_good`` are not set here.
    """
    saves: list[_Save] = []
    seen: list[_Seen] = []
    bad: list[datetime] = []
    for event in events:
        if event.kind in _BAD:
            bad.append(from_iso(event.ts))
        elif (save := _save_of(event, target)) is not None:
            saves.append(save)
        elif (digest := _seen_in(event, target, index)) is not None:
            seen.append(_Seen(event, digest))
    spans = _spans(saves, seen, disk)
    bad.sort()
    return tuple(replace(one, incidents=_within(bad, one)) for one in reversed(spans))


def mark_known_good(
    versions: Iterable[Version], bad: Iterable[datetime], *, after_s: int, now: datetime
) -> tuple[Version, ...]:
    """``versions``, newest first, the newest marked that was in force for ``after_s`` without ``bad``.

    The one in force counts by what passed since the last incident or stop, so that one under which something
    just went wrong is not what a rollback goes to.
    """
    marked: list[Version] = []
    times, found = sorted(bad), False
    for one in versions:
        good = not found and one.how != NEVER and _is_good(one, times, timedelta(seconds=after_s), now)
        found = found or good
        marked.append(replace(one, known_good=good))
    return tuple(marked)


def bad_times(events: Iterable[LedgerEvent]) -> tuple[datetime, ...]:
    """When incidents were opened and calls stopped."""
    return tuple(from_iso(event.ts) for event in events if event.kind in _BAD)


def in_force_at(versions: Iterable[Version], moment: datetime) -> Version | None:
    """The version that was in force at a moment; ``None`` where none was, or none is known.

    Before the first save it is what that save found, where nobody saw since when it stood.
    """
    held = [one for one in versions if one.how != NEVER]
    if held and held[-1].before and moment < held[-1].since:
        return held[-1]
    holding = (one for one in held if one.since <= moment)
    return next((one for one in holding if one.until is None or moment < one.until), None)


# -- events


def _save_of(event: LedgerEvent, target: Target) -> _Save | None:
    """The save of the target that an operator's event tells of."""
    body = event.body or {}
    new, old = body.get("new"), body.get("old")
    if event.kind == EventKind.NODE_STARTED or body.get("file") is not None or not isinstance(new, str):
        return None
    own = body.get("kind") == target.kind
    if target.kind in _LIBRARIES:
        own = own and body.get("path") == target.path
    return _Save(event, old if isinstance(old, str) else None, new) if own else None


def _seen_in(event: LedgerEvent, target: Target, index: Index) -> str | None:
    """The target's digest by the node's word, empty where the file was gone; ``None`` where none is told."""
    told = _told(event, target.kind)
    if told is None or target.kind not in _LIBRARIES or not told:
        return told
    files = index(told)
    return None if files is None else _in_library(files, target)


def _told(event: LedgerEvent, kind: str) -> str | None:
    body = event.body or {}
    if event.kind == EventKind.NODE_STARTED:
        digests = body.get("digests")
        return _digest(digests.get(kind)) if isinstance(digests, Mapping) else None
    if event.kind == EventKind.CONFIG_CHANGED and body.get("file") == kind:
        return _digest(body.get("new"))
    return None


def _in_library(files: Mapping[str, str], target: Target) -> str:
    """A prompt is listed by its reference, a scope by its path, whatever its suffix."""
    if target.kind == PROMPT_KIND:
        return files.get(target.name.partition("/")[2], "")
    stem = target.path.rpartition(".")[0]
    return next((digest for path, digest in files.items() if path.rpartition(".")[0] == stem), "")


def _digest(value: Any) -> str:
    return value if isinstance(value, str) else ""


# -- spans


def _spans(saves: list[_Save], seen: list[_Seen], disk: str | None) -> list[Version]:
    """Versions in the order in which they came; each ends where the next begins."""
    chain = _Chain()
    marks: list[_Save | _Seen] = [*saves, *seen]
    for mark in sorted(marks, key=lambda one: one.event.seq):
        if isinstance(mark, _Save):
            chain.saved(mark)
        else:
            chain.found(mark.event, mark.digest)
    return chain.ended(disk)


class _Chain:
    """What was in force, from what was found on disk, by whom ever, and from saves that wait to be found."""

    def __init__(self) -> None:
        self._spans: list[Version] = []
        self._current = ""
        self._waiting: list[_Save] = []
        """Saves whose text nobody found on disk yet, the oldest first."""
        self._denied: LedgerEvent | None = None
        """The last event that found something else on disk than the saves that wait."""

    def saved(self, save: _Save) -> None:
        """A save proves what stood before it; what it put in place the next one finds."""
        if save.old:
            self.found(save.event, save.old, before=True)
        self._waiting.append(save)

    def found(self, event: LedgerEvent, digest: str, *, before: bool = False) -> None:
        """This stood on disk; empty: the file was gone. ``before``: it was not only put there just now."""
        if digest == self._current:
            self._denied = event
            return
        by = next((one for one in reversed(self._waiting) if one.new == digest), None)
        since, known = event, not before
        if by is not None:
            known = True
            if before or event.kind == EventKind.NODE_STARTED:  # nobody watched before that
                since = self._since(by, event)
        kept = [one for one in self._waiting if one is not by and one.old == digest]
        self._spans += [_never(one) for one in self._waiting if one is not by and one not in kept]
        self._waiting, self._denied = kept, event
        self._begin(since, digest, by, before=not known)

    def ended(self, disk: str | None) -> list[Version]:
        """All of it. A save that nobody found was carried out where its text stands on disk."""
        by = next((one for one in reversed(self._waiting) if one.new == disk), None)
        self._spans += [_never(one) for one in self._waiting if one is not by]
        if by is not None:
            self._begin(self._since(by, self._denied or by.event), by.new, by)
        return self._spans

    def _since(self, save: _Save, denied: LedgerEvent) -> LedgerEvent:
        """When a save came in force: with its event, unless something else was found after that."""
        last = self._denied
        return save.event if last is None or last.seq <= save.event.seq else denied

    def _begin(self, event: LedgerEvent, digest: str, by: _Save | None, *, before: bool = False) -> None:
        """End the version in force and begin another, unless it is the same or the file is gone."""
        if digest == self._current:
            return
        since = from_iso(event.ts)
        if self._current:
            last = next(
                place for place in reversed(range(len(self._spans))) if self._spans[place].how != NEVER
            )
            self._spans[last] = replace(self._spans[last], until=since)
        if digest:
            known = any(one.how != NEVER for one in self._spans)
            how = by.how if by else OUTSIDE if known else FIRST
            self._spans.append(replace(_version(digest, since, event.seq, by, how), before=before))
        self._current = digest


def _never(save: _Save) -> Version:
    return _version(save.new, from_iso(save.event.ts), save.event.seq, save, NEVER)


def _version(digest: str, since: datetime, seq: int, by: _Save | None, how: str) -> Version:
    body = (by.event.body or {}) if by else {}
    return Version(
        digest=digest,
        since=since,
        until=since if how == NEVER else None,
        actor=one_line(operator_of(by.event.actor) or str(body.get("operator") or ""), 100) if by else "",
        reason=one_line(str(body.get("reason") or ""), _REASON),
        how=how,
        seq=by.event.seq if by else seq,
        kept=False,
    )


# -- what went wrong


def _within(bad: list[datetime], one: Version) -> int:
    upto = len(bad) if one.until is None else bisect_left(bad, one.until)
    return max(0, upto - bisect_left(bad, one.since))


def _is_good(one: Version, bad: list[datetime], least: timedelta, now: datetime) -> bool:
    end = one.until or now
    marks = [one.since, *bad[bisect_left(bad, one.since) : bisect_left(bad, end)], end]
    gaps = [after - before for before, after in pairwise(marks)]
    return gaps[-1] >= least if one.until is None else max(gaps) >= least
