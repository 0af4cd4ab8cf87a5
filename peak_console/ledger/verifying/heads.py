"""Every signed head that is known of a log: its files, its anchors, witnesses, and what the ledger tells.

Each head says "the first N events have this root".
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.heads.anchor_heads import AnchorHead, RefusedAnchor, read_head
from peak_console.ledger.heads.anchors import Anchors
from peak_console.ledger.heads.first_events import read_beginning
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.succession import Beginning, OtherHead, Proved
from peak_console.ledger.verifying.notes import NotesRead, read_notes, texts_of

OF_KIND: Final = f"FROM ledger l INDEXED BY ledger_kind WHERE l.kind = ? AND l.{RARE_SQL}"
"""SQL that picks the events of a kind of which a ledger has few, by their index; takes the kind."""


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


def _shared(one: Held) -> str:
    """What else may have put a head there: a folder is named by the workspace's key, which copies share."""
    if one.kind != "folder":
        return ""
    return "; a copy of this workspace, with the same key, may have signed it"


def _recorded(db: sqlite3.Connection) -> list[tuple[int, Mapping[str, Any]]]:
    rows = db.execute(
        f"SELECT l.seq, (SELECT bytes FROM body b WHERE b.seq = l.seq) {OF_KIND} ORDER BY l.seq",  # noqa: S608 - constant text
        (EventKind.LEDGER_CHECKPOINTED.value,),
    )
    return [(seq, _json(data)) for seq, data in rows]


def anchors_told(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The anchors that a record of a signed head says took it, each with its kind, place and size."""
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
