"""What anchors and witnesses hold of the chain that was followed, and how far each stands behind it."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.events import EventKind
from peak_console.ledger.verifying.diagnosis import Break
from peak_console.ledger.verifying.heads import OF_KIND, Heads, Held, Sources, anchors_told
from peak_console.ledger.verifying.result import AnchorSeen


def seen_anchors(
    db: sqlite3.Connection, heads: Heads, roots: Mapping[int, bytes], sources: Sources, *, after: int = 0
) -> tuple[AnchorSeen, ...]:
    """Every anchor and witness with what it holds, how far it lags, and whether it agrees.

    Heads of up to ``after`` events were compared before; they agree where the files still have them.
    """
    found = []
    for one in (*heads.witnesses, *heads.held):
        head = one.head.checkpoint
        agrees = head is not None and head.origin == heads.origin
        if agrees and head is not None:
            agrees = roots.get(head.size) == head.root or (head.size <= after and heads.notes.has(head))
        lag_s = None if one.kind == "witness" or not sources.own else _lag_s(db, one, heads)
        found.append(_seen(one, heads, agrees=agrees, lag_s=lag_s, max_lag_s=sources.max_lag_s))
    return tuple(found)


def find_lagging(seen: Iterable[AnchorSeen], max_lag_s: int) -> Break | None:
    """An anchor that stands further behind than it may."""
    for one in seen:
        if one.lag_s is not None and one.lag_s > max_lag_s:
            return Break(
                None,
                "anchor_lags",
                f"the {one.kind} {one.place} holds {one.size} events and stands {one.lag_s:,.0f} s behind; "
                f"{max_lag_s} s are allowed",
            )
    return None


def _seen(one: Held, heads: Heads, *, agrees: bool, lag_s: float | None, max_lag_s: int) -> AnchorSeen:
    head, problem = one.head.checkpoint, one.head.problem
    size = head.size if head is not None and head.origin == heads.origin else 0
    if not problem and head is None:
        problem = "it holds no head yet"
    elif not problem and not size:
        problem = "it holds heads of another log only"
    elif not problem and not agrees:
        problem = "its head is of other events"
    elif not problem and lag_s is not None and lag_s > max_lag_s:
        problem = f"it stands {lag_s:,.0f} s behind"
    at = iso(one.head.at) if isinstance(one.head.at, datetime) else ""
    return AnchorSeen(one.kind, one.place, size, at, lag_s, agrees and not problem, problem)


def _lag_s(db: sqlite3.Connection, one: Held, heads: Heads) -> float | None:
    """Seconds of served time from the first event that the anchor does not cover to the last one.

    Time in which no node ran does not count: what is written then is signed and kept by the next node. An
    anchor that others are kept in, and this one never was, is not asked: it is another user's view.
    """
    if one.refused or not heads.notes.count:
        return None
    told = {(at.get("kind"), at.get("place")) for _, body in heads.recorded for at in anchors_told(body)}
    if told and (one.kind, one.place) not in told:
        return None
    head = one.head.checkpoint
    size = head.size if head is not None and head.origin == heads.origin else 0
    try:
        return sum(
            max(0.0, (from_iso(last) - from_iso(first)).total_seconds()) for first, last in _served(db, size)
        )
    except ValueError:
        return None


def _served(db: sqlite3.Connection, after: int) -> Iterator[tuple[str, str]]:
    """First and last time of each session of a node among the events after a place."""
    first = db.execute(
        "SELECT seq, ts FROM ledger WHERE seq > ? AND kind <> ? ORDER BY seq LIMIT 1",
        (after, EventKind.LEDGER_CHECKPOINTED.value),
    ).fetchone()
    if first is None:
        return
    begun = [first, *_of_kind(db, EventKind.NODE_STARTED, first[0])]
    ended = dict(_of_kind(db, EventKind.NODE_STOPPED, first[0]))
    (end,) = db.execute("SELECT max(seq) FROM ledger").fetchone()
    for number, (seq, ts) in enumerate(begun):
        upto = begun[number + 1][0] - 1 if number + 1 < len(begun) else end
        stopped = next((one for one in ended if seq <= one <= upto), None)
        row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (stopped or upto,)).fetchone()
        if row is not None:
            yield ts, row[0]


def _of_kind(db: sqlite3.Connection, kind: EventKind, after: int) -> list[tuple[int, str]]:
    return db.execute(
        f"SELECT l.seq, l.ts {OF_KIND} AND l.seq > ? ORDER BY l.seq",
        (kind.value, after),
    ).fetchall()
