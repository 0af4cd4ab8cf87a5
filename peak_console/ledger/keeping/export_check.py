"""Whether an export is what was written and signed: bodies, headers, links, paths, the signature. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import GENESIS_PREV_HASH, HEADER_FIELDS, EventKind, header_hash
from peak_console.ledger.bodies import BODY_LIMIT
from peak_console.ledger.headers import Header
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.heads.merkle_proofs import verify_inclusion
from peak_console.ledger.heads.notes import (
    Checkpoint,
    NoteKey,
    NoteMalformed,
    SignedNote,
    origin_of,
    read_note,
)
from peak_console.ledger.heads.proofs import Trust, wrong_header
from peak_console.ledger.keeping.export_form import (
    ExportedEvent,
    ExportHead,
    ExportMalformed,
    ExportWrong,
    SaidPruned,
    read_path,
)
from peak_console.ledger.keeping.pruning import range_of

_OTHER: Final = frozenset({"body", "path"})


@dataclass(slots=True)
class Findings:
    """What was proven of an export, and what could not be."""

    events: int = 0
    bodies: int = 0
    """Bodies that fit their hashes."""
    missing: int = 0
    """Bodies that are not in the file."""
    excused: int = 0
    """Missing bodies that a ``ledger.pruned`` in the export itself covers."""
    said: int = 0
    """Missing bodies that only the export's head says were pruned."""
    included: int = 0
    """Events that lie under the signed root, by their path or by their links."""
    size: int = 0
    """Events under the signed root, in the whole ledger; 0 without a checkpoint."""
    signed: bool = False
    """Whether the checkpoint's signature is that of the key that was given."""
    from_genesis: bool = False
    proven: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the events are a ledger by themselves: from its genesis on, nothing unexplained missing."""
        return self.from_genesis and self.missing == self.excused


class ExportCheck:
    """Checks the events of an export in one pass; :meth:`finish` says what that proved."""

    def __init__(self, head: ExportHead, trust: Trust | None) -> None:
        """``trust`` is the key that must have signed; without its log's name the file itself names that."""
        self._head = head
        self._trust = trust
        self._note, self._checkpoint = _signed_head(head)
        self._frontier = Frontier()
        self._before: Header | None = None
        # Those that events of the export itself can prove come first.
        self._said = sorted(head.pruned, key=lambda one: not head.first <= one.seq <= head.last)
        self._excused: Counter[SaidPruned] = Counter()
        self._proven_hash = ""
        self._genesis = ""
        self.ranges: list[SaidPruned] = []
        """Pruned ranges that events of the export tell of."""
        self.found = Findings()
        if self._checkpoint is not None:
            self.found.size = self._checkpoint.size

    def events(self, given: Iterable[tuple[int, Mapping[str, Any]]], unit: str) -> Iterator[ExportedEvent]:
        """The events, each checked; raises :class:`ExportWrong`, which names the line or row."""
        for number, fields in given:
            try:
                event = self._event(fields)
            except (ExportMalformed, ExportWrong) as error:
                raise ExportWrong(f"{unit} {number}: {error}") from None
            yield event

    def finish(self) -> Findings:
        """What is proven of it all; raises :class:`ExportWrong` where the end does not fit."""
        head, found, last = self._head, self.found, self._before
        if last is None or found.events != head.events or last.seq != head.last or last.hash != head.head:
            raise ExportWrong(
                f"it ends after {found.events} events; its head says {head.events}, up to {head.last}"
            )
        found.from_genesis = head.contiguous and head.first == 1
        self._tell_excused()
        self._under_root()
        self._signature()
        self._tell()
        return found

    # -- one event

    def _event(self, fields: Mapping[str, Any]) -> ExportedEvent:
        given = {name: value for name, value in fields.items() if name not in _OTHER}
        wrong = wrong_header(given)
        if wrong:
            raise ExportWrong(wrong)
        if header_hash(given) != given["hash"]:
            raise ExportWrong("its hash is not that of its header")
        values: list[Any] = [given.get(name) for name in HEADER_FIELDS]
        header = Header(*values)
        self._follow(header)
        body = self._body(header, fields.get("body"))
        event = ExportedEvent(header, body, read_path(fields.get("path", [])))
        self._leaf(event)
        self._before = header
        self.found.events += 1
        return event

    def _follow(self, header: Header) -> None:
        head, before = self._head, self._before
        if header.seq == 1 and (
            header.prev_hash != GENESIS_PREV_HASH or header.kind != EventKind.WORKSPACE_INITIALISED
        ):
            raise ExportWrong("it is no genesis")
        if header.seq == 1:
            self._genesis = header.hash
        if not head.contiguous:
            if header.run_id != head.run_id:
                raise ExportWrong("it is of another run")
            if not head.first <= header.seq <= head.last or (before and header.seq <= before.seq):
                raise ExportWrong("it is out of its place")
            return
        seq, prev = (head.first, head.prev_hash) if before is None else (before.seq + 1, before.hash)
        if header.seq != seq:
            raise ExportWrong(f"it is event {header.seq}; event {seq} belongs here")
        if header.prev_hash != prev:
            raise ExportWrong("it does not follow the event before it")

    def _body(self, header: Header, body: Any) -> bytes | None:
        if body is None:
            self._excuse(header)
            return None
        if not isinstance(body, dict):
            raise ExportWrong("its body is no object")
        try:
            data = canonical(body)
        except PeakError as error:
            raise ExportWrong(f"its body is not canonical: {error.message}") from None
        if len(data) > BODY_LIMIT or sha256_hex(data) != header.body_sha256:
            raise ExportWrong("its body is not the one that was hashed")
        self.found.bodies += 1
        if header.kind == EventKind.LEDGER_PRUNED:
            self._note_range(header, body)
        return data

    def _note_range(self, header: Header, body: Mapping[str, Any]) -> None:
        try:
            one = range_of(header.seq, body)
        except PeakError as error:
            raise ExportWrong(error.message) from None
        if one.upto_seq >= header.seq:
            raise ExportWrong("it prunes what comes after it")
        self.ranges.append(SaidPruned(one.seq, one.before, one.upto_seq, one.kinds))

    def _leaf(self, event: ExportedEvent) -> None:
        header, checkpoint = event.header, self._checkpoint
        entry = bytes.fromhex(header.hash)
        if self._head.contiguous:
            if header.seq == self._head.proven:
                self._proven_hash = header.hash
            if self._head.first == 1 and checkpoint is not None and header.seq <= checkpoint.size:
                self._frontier.extend([entry])
            return
        if checkpoint is None or header.seq > checkpoint.size:
            return
        if not verify_inclusion(entry, header.seq - 1, checkpoint.size, event.path, checkpoint.root):
            raise ExportWrong("its path does not lead to the checkpoint's root")
        self.found.included += 1

    # -- the end

    def _excuse(self, header: Header) -> None:
        """Note by which range a body is missing; raises where none covers it, and bodies are in the file."""
        self.found.missing += 1
        covering = (one for one in self._said if one.covers(header.seq, header.ts, header.kind))
        one = next(covering, None)
        if one is not None:
            self._excused[one] += 1
        elif self._head.bodies:
            raise ExportWrong("its body is missing, and nothing says that it was pruned")

    def _tell_excused(self) -> None:
        """Which of these ranges events of the export tell of."""
        proven = set(self.ranges)
        for one, count in self._excused.items():
            if one in proven:
                self.found.excused += count
            else:
                self.found.said += count

    def _under_root(self) -> None:
        head, checkpoint = self._head, self._checkpoint
        if checkpoint is None or not head.contiguous:
            return
        if head.proven is None or not self._proven_hash:
            raise ExportWrong("its checkpoint comes without a proof that its events are under it")
        entry = bytes.fromhex(self._proven_hash)
        if not verify_inclusion(entry, head.proven - 1, checkpoint.size, head.path, checkpoint.root):
            raise ExportWrong(f"the path of event {head.proven} does not lead to the checkpoint's root")
        if self._frontier.size == checkpoint.size and self._frontier.root() != checkpoint.root:
            raise ExportWrong("the root over its events is not the checkpoint's")
        self.found.included = head.proven - head.first + 1

    def _signature(self) -> None:
        note, checkpoint, trust = self._note, self._checkpoint, self._trust
        if note is None or checkpoint is None or trust is None:
            return
        if self._genesis and checkpoint.origin != origin_of(trust.public, self._genesis):
            raise ExportWrong("its checkpoint is of another ledger than its events, or of another key")
        if trust.origin not in {None, checkpoint.origin}:
            raise ExportWrong("its checkpoint is of another ledger than the key that was given")
        if not note.signed_by(NoteKey(checkpoint.origin, trust.public)):
            raise ExportWrong("its checkpoint is not signed by the key that was given")
        self.found.signed = True

    def _tell(self) -> None:
        found = self.found
        found.proven += [
            f"{found.events:,} headers have their hashes",
            f"{found.bodies:,} bodies have the hashes in their headers",
        ]
        if self._head.contiguous:
            found.proven.append("every event follows the one before it")
        if found.excused:
            found.proven.append(f"{found.excused:,} missing bodies were pruned, as events in the file say")
        if found.included:
            found.proven.append(f"{found.included:,} events lie under the root of a tree of {found.size:,}")
        if found.signed:
            found.proven.append("that root is signed by the key that was given")
        found.unproven += self._doubts()

    def _doubts(self) -> Iterator[str]:
        found = self.found
        if self._checkpoint is None:
            yield "no checkpoint came with it: whoever made the file could have made all of it up"
        elif not found.signed:
            yield "no key was given, so the signature proves nothing: give the workspace's public key"
        if self._checkpoint is not None and found.included < found.events:
            yield f"{found.events - found.included:,} events came after the signed head"
        if found.said:
            yield f"{found.said:,} missing bodies were pruned only by the word of the file"
        if found.missing - found.excused - found.said:
            yield f"{found.missing - found.excused - found.said:,} bodies were left out of the file"
        if not found.from_genesis:
            yield "it is a part of a ledger: what came before it and between is not in it"
        yield "events after its last one, if there were any"


def _signed_head(head: ExportHead) -> tuple[SignedNote | None, Checkpoint | None]:
    if head.checkpoint is None:
        return None, None
    try:
        note = read_note(head.checkpoint)
        checkpoint = Checkpoint.of_text(note.text)
    except NoteMalformed as error:
        raise ExportWrong(f"its checkpoint is none: {error}") from None
    if checkpoint.origin != head.origin:
        raise ExportWrong("its checkpoint is of another ledger than it says it is of")
    return note, checkpoint
