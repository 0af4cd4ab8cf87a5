"""Which versions of a config were in force when, and who put them there: a fold of ledger events. Pure.

In force is what the node saw (``node.started`` and its ``config.changed``); who and why is in the operators'
events. Both are joined by digest. A version nobody saved through the workbench was changed ``outside``.
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
    """The version that was in force at a moment; ``None`` where none was, or none is known."""
    holding = (one for one in versions if one.how != NEVER and one.since <= moment)
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
    marks: list[_Save | _Seen] = sorted([*saves, *seen], key=lambda one: one.event.seq)
    spans: list[Version] = []
    current, waiting = "", list[_Save]()
    for place, mark in enumerate(marks):
        if isinstance(mark, _Save):
            if _was_carried_out(mark, next(iter(marks[place + 1 : place + 2]), None), disk):
                spans += map(_never, waiting)
                waiting = []
                current = current or _found(spans, mark)
                current = _begin(spans, current, mark.event, mark.new, mark)
            else:
                waiting.append(mark)
            continue
        if mark.digest == current:
            continue
        by = next((one for one in reversed(waiting) if one.new == mark.digest), None)
        spans += [_never(one) for one in waiting if one is not by]
        waiting = []
        current = _begin(spans, current, mark.event, mark.digest, by)
    return [*spans, *map(_never, waiting)]


def _was_carried_out(save: _Save, following: _Save | _Seen | None, disk: str | None) -> bool:
    """Whether a save that no node saw was carried out: the next save found its text, or it stands on disk."""
    if following is None:
        return disk == save.new
    return isinstance(following, _Save) and following.old == save.new


def _begin(spans: list[Version], current: str, event: LedgerEvent, digest: str, by: _Save | None) -> str:
    """End the version in force and begin another, unless it is the same or the file is gone."""
    since = from_iso(event.ts)
    if digest == current:
        return current
    if current:
        last = next(place for place in reversed(range(len(spans))) if spans[place].how != NEVER)
        spans[last] = replace(spans[last], until=since)
    if digest:
        known = any(one.how != NEVER for one in spans)
        how = by.how if by else OUTSIDE if known else FIRST
        spans.append(_version(digest, since, event.seq, by, how))
    return digest


def _found(spans: list[Version], save: _Save) -> str:
    """What a save found where no node had seen anything: since when it stood is not known."""
    if not save.old or spans:
        return ""
    spans.append(_version(save.old, from_iso(save.event.ts), save.event.seq, None, FIRST))
    return save.old


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
