"""Signed heads held against the chain: what a sound chain alone cannot show.

Each head says "the first N events have this root". A head beyond the ledger's end, or with another root, was
signed of other events; what the ledger or an anchor tells of and the files do not have was taken away.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.heads.anchor_heads import AnchorHead, RefusedAnchor, key_name, read_head
from peak_console.ledger.heads.anchors import Anchors
from peak_console.ledger.heads.first_events import read_beginning
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.succession import Beginning, OtherHead, Proved, foreign
from peak_console.ledger.verifying.diagnosis import Break
from peak_console.ledger.verifying.notes import NotesRead, read_notes, texts_of
from peak_console.ledger.verifying.result import AnchorSeen

_OF_KIND: Final = f"FROM ledger l INDEXED BY ledger_kind WHERE l.kind = ? AND l.{RARE_SQL}"  # constant text


@dataclass(frozen=True, slots=True)
class Sources:
    """Where signed heads of a ledger are, and what they are checked with."""

    key: bytes | None = None
    """The workspace's public key; without it no signature can be checked."""
    notes: Path | None = None
    """The folder of the checkpoint files."""
    anchors: Anchors | None = None
    witness: Path | None = None
    """A note, or a file of notes, that was kept elsewhere."""
    max_lag_s: int = 900
    own: bool = True
    """Whether it is the workspace's own ledger, not a copy that may end earlier."""
    proved: Proved | None = None
    """Whether an operator signed that a log goes on after another; without it none does."""
    key_here: bool = False
    """Whether the private key can be read on this machine by this user."""


@dataclass(frozen=True, slots=True)
class Held:
    """An anchor's or a witness's newest head."""

    kind: str
    place: str
    head: AnchorHead
    refused: bool = False


@dataclass(slots=True)
class Heads:
    """Every signed head that is known of one log, read before the chain is."""

    origin: str
    notes: NotesRead
    held: list[Held]
    witnesses: list[Held]
    strangers: list[str]
    """Origins of heads of this very log under other keys."""
    begun: Beginning
    """How the log begins: whether it goes on after another one, and who answers for that."""
    key_named: str = ""
    """SHA-256 of the public key that the genesis names, in hexadecimal; empty in older ledgers."""
    recorded: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    """What the ledger itself tells of its heads: place, body."""

    def sizes(self) -> set[int]:
        """The sizes at which the tree's root is wanted."""
        found = set(self.notes.roots)
        found |= {one.size for _, one in self.elsewhere()}
        return {size for size in found if size > 0}

    def elsewhere(self) -> Iterator[tuple[Held, Checkpoint]]:
        """Heads of this log outside the files."""
        for one in (*self.witnesses, *self.held):
            head = one.head.checkpoint
            if head is not None and head.origin == self.origin:
                yield one, head

    def others(self) -> list[OtherHead]:
        """The newest heads of other logs, wherever they are."""
        found = list(self.notes.other_heads.values())
        for one in (*self.witnesses, *self.held):
            head = one.head.checkpoint
            if head is not None and head.origin != self.origin:
                found.append(OtherHead(head, f"the {one.kind} {one.place}{_shared(one)}"))
        return found

    def all(self) -> Iterator[tuple[int, bytes, str]]:
        """Every head: size, root, where it is from."""
        for size, roots in self.notes.roots.items():
            for root in roots:
                yield size, root, "audits/checkpoints"
        for one, head in self.elsewhere():
            yield head.size, head.root, f"the {one.kind} {one.place}{_shared(one)}"


def read_heads(db: sqlite3.Connection, sources: Sources, origin: str, genesis: str) -> Heads:
    """Read all of them; raises ``UsageWrong`` for a witness file that is none."""
    # What the ledger tells is read first: what it names was signed and kept before.
    recorded = _recorded(db)
    held, witnesses, strangers = [], [], []
    if sources.anchors is not None:
        for anchor in sources.anchors.anchors:
            refused = isinstance(anchor, RefusedAnchor)
            held.append(Held(anchor.kind, anchor.place, anchor.newest(), refused))
        git = sources.anchors.git
        if git is not None:
            witnesses = [Held("witness", name, head) for name, head in git.witnesses()]
            strangers = git.other_keys(genesis)
    if sources.witness is not None and sources.key is not None:
        witnesses = [*_witnesses(sources.witness, sources.key), *witnesses]
    notes = read_notes(sources.notes, origin, sources.key)
    begun = read_beginning(db, origin)
    named = str(begun.genesis.body.get("key", ""))
    return Heads(origin, notes, held, witnesses, strangers, begun, named, recorded)


def find_changed_key(heads: Heads, key: bytes | None) -> Break | None:
    """A key that is not the one under which this ledger began."""
    if key is None or not heads.key_named or hashlib.sha256(key).hexdigest() == heads.key_named:
        return None
    told = f"the genesis names the key {heads.key_named:.16}, and heads are signed with {key_name(key)}"
    return Break(1, "key_changed", f"{told}; restore configs/keys/workspace.pub")


def find_forged(heads: Heads, *, has_key: bool) -> Break | None:
    """Notes that the workspace's key did not sign, or that are none."""
    notes = heads.notes
    if notes.unreadable:
        return _break("unreadable", notes.unreadable)
    if notes.wrong:
        return _break("checkpoint_forged", notes.wrong)
    if not has_key and (notes.count or notes.others):
        return _break(
            "checkpoint_forged",
            "no key is there to check the signed heads with; restore configs/keys/workspace.pub",
        )
    genesis = heads.origin.rpartition("/")[2]
    for other, file in notes.others.items():
        if other.rpartition("/")[2] == genesis:
            return _break(
                "checkpoint_forged", f"{file} holds a head of this log under another key's name: {other}"
            )
    for other in heads.strangers:
        return _break("checkpoint_forged", f"git holds heads of this log under another key's name: {other}")
    for one in (*heads.witnesses, *heads.held):
        if one.head.forged:
            return _break("checkpoint_forged", f"the {one.kind} {one.place}: {one.head.problem}")
    return _recorded_elsewhere(heads) if has_key else None


def _recorded_elsewhere(heads: Heads) -> Break | None:
    """A head that the ledger tells of under a name that its key and genesis do not have."""
    for seq, body in heads.recorded:
        other = str(body.get("origin", ""))
        if other != heads.origin:
            told = f"event {seq} tells of a head under another name: {other:.80}"
            return Break(seq, "checkpoint_forged", f"{told}; was the workspace's key exchanged?")
    return None


def find_rewritten(heads: Heads, roots: Mapping[int, bytes], *, after: int = 0) -> Break | None:
    """The first signed size at which the events are others."""
    good = after
    for size, root, where in sorted(heads.all()):
        if size not in roots:
            continue
        if roots[size] != root:
            between = f"events {good + 1} to {size} are not those"
            return Break(good + 1, "rewritten_chain", f"{between} whose head of {size} was signed ({where})")
        good = size
    return None


def find_beyond(heads: Heads, end: int, *, figures_fit: bool) -> Break | None:
    """A signed head beyond the ledger's end: its tail was cut, or an older copy took its place."""
    beyond = [(size, where) for size, _, where in heads.all() if size > end]
    if not beyond:
        return None
    size, where = max(beyond)
    told = f"the ledger ends with event {end}, and a head of {size} events was signed ({where})"
    if figures_fit:
        return Break(
            end + 1, "rolled_back", f"{told}: the file is an older copy, or was cut with its figures"
        )
    return Break(end + 1, "truncated_tail", f"{told}: its tail was cut, and its figures tell of more events")


def find_missing(heads: Heads) -> Break | None:
    """Heads that the ledger or an anchor tells of, and that are not where they were kept."""
    for seq, body in heads.recorded:
        head = _told_head(body)
        if head is None or not heads.notes.has(head):
            size = body.get("size")
            return _break(
                "checkpoints_missing",
                f"event {seq} tells of the signed head of {size} events; audits/checkpoints does not have it",
            )
    for one, head in heads.elsewhere():
        if one.kind != "witness" and not heads.notes.has(head):
            return _break(
                "checkpoints_missing",
                f"the {one.kind} {one.place} holds the head of {head.size} events; "
                "audits/checkpoints does not have it",
            )
    return _lost_from_anchor(heads)


def find_foreign(heads: Heads, proved: Proved | None) -> Break | None:
    """Heads of another log of this workspace, whose proven successor this one is not."""
    why = foreign(heads.begun, heads.others(), proved)
    if why:
        return _break("foreign_genesis", why)
    places = {one.head.checkpoint.origin: one.place for one in heads.held if one.head.checkpoint}
    newest = heads.notes.newest_origin
    for origin, place in {**heads.notes.others, **places}.items():
        if origin == heads.origin:
            continue
        is_last = heads.notes.count > 0 and (
            origin == newest or (origin in places and _anchored_since(heads))
        )
        if is_last:
            return _break(
                "foreign_genesis",
                f"{place} holds heads of the log before this one ({origin}) that were signed after its own",
            )
    return None


def _shared(one: Held) -> str:
    """What else may have put a head there: a folder is named by the workspace's key, which copies share."""
    if one.kind != "folder":
        return ""
    return "; a copy of this workspace, with the same key, may have signed it"


def _anchored_since(heads: Heads) -> bool:
    """Whether the ledger says that an anchor kept a head of it already."""
    return any(told.get("size") for _, body in heads.recorded for told in _anchors_told(body))


def _lost_from_anchor(heads: Heads) -> Break | None:
    """An anchor that holds less than the ledger says it took."""
    wanted: dict[tuple[str, str], int] = {}
    for _, body in heads.recorded:
        for told in _anchors_told(body):
            place = (str(told.get("kind", "")), str(told.get("place", "")))
            size = told.get("size")
            if type(size) is int:
                wanted[place] = max(wanted.get(place, 0), size)
    for one in heads.held:
        size = wanted.get((one.kind, one.place), 0)
        have = one.head.checkpoint.size if one.head.checkpoint else 0
        if have < size:
            said = f" ({one.head.problem})" if one.head.problem else ""
            return _break(
                "checkpoints_missing",
                f"the {one.kind} {one.place} was given the head of {size} events and holds {have}{said}",
            )
    return None


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
            return _break(
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
    told = {(at.get("kind"), at.get("place")) for _, body in heads.recorded for at in _anchors_told(body)}
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
        f"SELECT l.seq, l.ts {_OF_KIND} AND l.seq > ? ORDER BY l.seq",
        (kind.value, after),
    ).fetchall()


def _recorded(db: sqlite3.Connection) -> list[tuple[int, Mapping[str, Any]]]:
    rows = db.execute(
        f"SELECT l.seq, (SELECT bytes FROM body b WHERE b.seq = l.seq) {_OF_KIND} ORDER BY l.seq",  # noqa: S608 - constant text
        (EventKind.LEDGER_CHECKPOINTED.value,),
    )
    return [(seq, _json(data)) for seq, data in rows]


def _told_head(body: Mapping[str, Any]) -> Checkpoint | None:
    try:
        return Checkpoint(str(body["origin"]), int(body["size"]), bytes.fromhex(body["root"]))
    except (KeyError, TypeError, ValueError):
        return None


def _anchors_told(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = body.get("anchors")
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


def _witnesses(path: Path, key: bytes) -> list[Held]:
    """The heads in a file that was kept elsewhere, each to be compared."""
    try:
        found = [
            Held("witness", str(path), read_head(data.decode("utf-8", "replace"), key))
            for _, data, _ in texts_of(path)
        ]
    except OSError as error:
        raise _no_witness(path, f"cannot be read: {error.strerror or error}") from error
    if not any(one.head.checkpoint or one.head.forged for one in found):
        raise _no_witness(path, "holds no signed head")
    return found


def _no_witness(path: Path, why: str) -> UsageWrong:
    return UsageWrong(
        f"the witness {path} {why}",
        code="witness_unusable",
        remedy="name a note as it stands in audits/checkpoints/, kept elsewhere",
        path=str(path),
    )


def _json(data: Any) -> Mapping[str, Any]:
    try:
        found = orjson.loads(data) if data is not None else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _break(how: str, detail: str) -> Break:
    return Break(None, how, detail)
