"""The notary: follows the ledger, signs its head when that is due, and never one that contradicts an earlier.

It holds no clock and no thread: whoever runs it calls :meth:`Notary.round` again and again. What it has to
tell goes to ``say``, as JSON types.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from peak_console.domain.clock import Clock, iso
from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.domain.events import GENESIS_PREV_HASH
from peak_console.domain.signing import Signer
from peak_console.ledger.heads.anchor_heads import Anchor
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.heads.notary_anchors import AnchorKeeper
from peak_console.ledger.heads.notary_heads import (
    Head,
    Held,
    heads_elsewhere,
    heads_of,
    is_kept,
    refuse_foreign,
)
from peak_console.ledger.heads.notary_rules import Rules, Unsigned, due
from peak_console.ledger.heads.notary_source import Inconsistent, NotarySource, body_of
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, SignedNote, origin_of
from peak_console.ledger.heads.succession import Proved
from peak_console.ledger.heads.tree_file import GrowingTree, TreeState, TreeUnusable

RETRY_US: Final = 1_000_000
"""How long the notary lets be what did not go."""

Say = Callable[[dict[str, Any]], None]


class NoKey(EnvironmentUnfit):
    """There is no key to sign with."""

    default_code = "notary_key_missing"
    why = "heads of the ledger are signed with the workspace's key"


def _no_witnesses(_: bytes) -> Sequence[Held]:
    return ()


@dataclass(frozen=True, slots=True)
class Means:
    """What the notary works with."""

    ledger: Path
    tree: Path
    files: CheckpointFiles
    public: Callable[[], bytes | None]
    """The workspace's public key; raises ``PeakError``."""
    signer: Callable[[], Signer]
    """The workspace's key; raises ``PeakError``."""
    anchors: Callable[[bytes], Sequence[Anchor]]
    """The anchors as configured now."""
    rules: Rules
    anchor_every_s: int
    clock: Clock
    proved: Proved | None = None
    """Whether an operator signed that a log goes on after another; without it none does."""
    witnesses: Callable[[bytes], Sequence[Held]] = _no_witnesses
    """Heads of this workspace's logs that came from elsewhere."""


@dataclass(slots=True)
class _Log:
    """The ledger as far as it was followed."""

    key: NoteKey
    tree: GrowingTree
    head: str
    targets: list[Head]
    """Heads known from elsewhere that the tree has not reached, the smallest first."""
    signed: Checkpoint | None
    note: SignedNote | None
    unsigned: Unsigned = field(default_factory=Unsigned)
    caught_up: bool = False
    first: bool = True
    """Whether nothing was signed since this notary began: what it finds unsigned it signs at once."""

    @property
    def proven_upto(self) -> int:
        """Up to which event a signed root will prove the hashes."""
        return max((one.size for one in self.targets if one.note is not None), default=0)


class Notary:
    """Follows one ledger and signs its heads. Used by one thread."""

    def __init__(self, means: Means, say: Say) -> None:
        self._means = means
        self._say = say
        self._source = NotarySource(means.ledger)
        self._keeper = AnchorKeeper(means.anchor_every_s, means.clock)
        self._log: _Log | None = None
        self._broken = ""
        self._problem: PeakError | None = None
        self._unsigned_because: PeakError | None = None
        self._retry_us = 0
        self._signed_us = means.clock.boot_us()
        self._at = ""
        self._signings = 0
        self._told: dict[str, Any] = {}
        self._files_seen: object = None

    def close(self) -> None:
        """Let go of the ledger."""
        self._source.close()

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to read, or nothing that can be done."""
        return bool(self._broken or self._problem) or (self._log is not None and self._log.caught_up)

    def round(self, *, asked: bool = False, ending: bool = False) -> bool:
        """Read what is new and sign when it is due; whether there is more to read at once.

        ``asked`` signs whatever is unsigned, were it a record of a checkpoint alone; ``ending`` signs all
        else and keeps it in every anchor. Never raises for what is wrong with the ledger, the key, the disk
        or an anchor: that is told.
        """
        more = False
        if not self._broken and (asked or ending or self._means.clock.boot_us() >= self._retry_us):
            try:
                more = self._go_on(asked=asked, ending=ending)
                self._problem = self._unsigned_because
            except Inconsistent as found:
                self._broken = str(found)
                self._say({"inconsistent": self._broken})
            except PeakError as error:
                self._problem, self._retry_us = error, self._means.clock.boot_us() + RETRY_US
        self._tell()
        return more

    def status(self) -> dict[str, Any]:
        """How the notary is, for ``peak node status``."""
        log, problem = self._log, self._problem
        signed = log.signed if log is not None else None
        if self._broken:
            state = "broken"
        elif log is None:
            state = "waiting"
        else:
            state = "following" if log.caught_up else "restoring"
        return {
            "state": state,
            "signings": self._signings,
            "size": signed.size if signed else 0,
            "root": signed.root.hex() if signed else "",
            "at": self._at,
            "origin": log.key.name if log else "",
            "vkey": log.key.vkey() if log else "",
            "note": str(log.note) if log and log.note else "",
            "problem": self._broken or (problem.message if problem else ""),
            "code": "inconsistent" if self._broken else (problem.code if problem else ""),
            "remedy": _BROKEN_REMEDY if self._broken else (problem.remedy if problem else ""),
            "anchors": self._keeper.status(),
        }

    # -- within

    def _tell(self) -> None:
        now = self.status()
        if now != self._told:
            self._told = now
            self._say({"status": now})

    def _go_on(self, *, asked: bool, ending: bool) -> bool:
        changed = self._source.look()
        log = self._log
        if log is None or self._files_changed():
            log = self._log = self._begin()
        if changed or not log.caught_up:
            self._follow(log)
        if not log.caught_up:
            return True
        since_s = (self._means.clock.boot_us() - self._signed_us) / 1_000_000
        pressed = asked or ending or log.first
        why = due(log.unsigned, self._means.rules, since_s, asked=pressed, named=asked)
        log.first = False
        if why:
            self._sign_or_tell(log, why)
        elif log.note is not None and log.signed is not None:
            self._keep(log.note, log.signed, "end" if ending else ("asked" if asked else ""))
        return False

    # -- beginning

    def _begin(self) -> _Log:
        """Where to go on: at the head that was signed last, where that is proved, else at leaf 0."""
        means = self._means
        public = means.public()
        if public is None:
            raise NoKey(
                "there is no configs/keys/workspace.pub", remedy="make the workspace's keys: peak init"
            )
        genesis = self._source.genesis()
        key = NoteKey(origin_of(public, genesis), public)
        self._unsigned_because = self._missing(key)
        self._keeper.open(means.anchors(public), key)
        self._files_seen = _stamp(means.files)
        heads = heads_of(means.files, key) + heads_elsewhere(self._keeper.heads(), key)
        held = [*self._keeper.heads(), *means.witnesses(public)]
        refuse_foreign(means.files, held, key, self._source.beginning(key.name), means.proved)
        recorded = self._source.last_recorded()
        if recorded is not None:
            heads.append(Head(*recorded, "the ledger's own record"))
        self._refuse_shorter(heads)
        tree = self._restored(key, heads)
        newest = max((one for one in heads if one.note is not None), key=lambda one: one.size, default=None)
        log = _Log(
            key,
            tree,
            (self._source.hash_at(tree.size) or "") if tree.size else GENESIS_PREV_HASH,
            sorted((one for one in heads if one.size > tree.size), key=lambda one: one.size),
            Checkpoint(key.name, newest.size, newest.root) if newest else None,
            newest.note if newest else None,
        )
        if newest is not None and (recorded is None or recorded[0] < newest.size):
            self._say(self._checkpointed(log, newest.where, "found"))
        return log

    def _missing(self, key: NoteKey) -> PeakError | None:
        """Why nothing can be signed, before anything has to be."""
        try:
            self._key(key)
        except PeakError as error:
            return error
        return None

    def _refuse_shorter(self, heads: Sequence[Head]) -> None:
        last = self._source.head()
        for head in heads:
            if head.size > last:
                raise Inconsistent(
                    f"rolled_back: the ledger ends with event {last}, and {head.where} holds a head of "
                    f"{head.size} events"
                )

    def _restored(self, key: NoteKey, heads: Sequence[Head]) -> GrowingTree:
        """The tree of ``audits/tree.json`` where a signed head and the ledger's last block prove it."""
        try:
            state = TreeState.read(self._means.tree)
        except TreeUnusable:
            return GrowingTree()
        found = Head(state.size, state.root, "tree.json")
        signed = any(one.note is not None and one.same_as(found) for one in heads)
        if not signed and not is_kept(self._means.files, key, found):
            return GrowingTree()
        if any(one.size == state.size and one.root != state.root for one in heads):
            return GrowingTree()
        earlier = [one for one in heads if one.size < state.size]
        if state.size > self._source.head() or not all(
            is_kept(self._means.files, key, one) for one in earlier
        ):
            return GrowingTree()
        tree = GrowingTree.from_block(Frontier(state.block.size, list(state.block.peaks)))
        tree.extend(self._source.hashes(tree.size, state.size))
        if tree.root() != state.root:
            return GrowingTree()
        self._at = state.at
        return tree

    # -- following

    def _follow(self, log: _Log) -> None:
        """One more portion of events; ``caught_up`` when there is no more."""
        before = log.tree.size
        if before < log.proven_upto:
            upto = next(one.size for one in log.targets if one.note is not None)
            upto = min(upto, log.targets[0].size)
            log.tree.extend(self._source.hashes(before, upto))
            log.head = self._source.hash_at(log.tree.size) or ""
            self._reached(log)
            log.caught_up = False
            return
        rows = self._source.take(before, log.head)
        for row in rows:
            log.tree.extend((bytes.fromhex(row.hash),))
            log.head = row.hash
            log.unsigned = log.unsigned.after(row.kind, body_of(row) if row.kind[:6] == "order." else None)
            self._reached(log)
        log.caught_up = not rows

    @staticmethod
    def _reached(log: _Log) -> None:
        """Hold the tree against every head that is known of its size."""
        while log.targets and log.targets[0].size <= log.tree.size:
            target = log.targets.pop(0)
            if log.tree.root() != target.root:
                raise Inconsistent(
                    f"rewritten_chain: the first {target.size} events are not those of the head in "
                    f"{target.where}"
                )
            if target.note is not None:
                log.unsigned = Unsigned()

    # -- signing

    def _sign_or_tell(self, log: _Log, why: str) -> None:
        """Sign; what keeps it from being done stands as the problem until it is."""
        try:
            self._sign(log, why)
        except PeakError as error:
            self._unsigned_because = error
            raise
        self._unsigned_because = None

    def _sign(self, log: _Log, why: str) -> None:
        means = self._means
        if log.targets or (log.signed is not None and log.signed.size >= log.tree.size):
            raise Inconsistent("a head was signed that the ledger does not reach")
        if self._source.hash_at(log.tree.size) != log.head:
            raise Inconsistent(f"event {log.tree.size} is not the one it was")
        signer = self._key(log.key)
        now = means.clock.now()
        checkpoint = Checkpoint(log.key.name, log.tree.size, log.tree.root())
        note = checkpoint.signed(signer)
        path = means.files.append(note, now)
        self._files_seen = _stamp(means.files)
        log.signed, log.note, log.unsigned = checkpoint, note, Unsigned()
        self._signed_us, self._at = means.clock.boot_us(), iso(now)
        self._signings += 1
        self._remember(log)
        self._keep(note, checkpoint, why)
        self._say(self._checkpointed(log, path.name, why))

    def _key(self, key: NoteKey) -> Signer:
        signer = self._means.signer()
        if signer.public != key.public:
            raise NoKey(
                "the workspace's private key is not that of configs/keys/workspace.pub",
                code="notary_key_changed",
                remedy="restore configs/keys/workspace.pub from version control",
            )
        return signer

    def _remember(self, log: _Log) -> None:
        """Write ``tree.json``; without it the next notary only takes longer."""
        try:
            TreeState.of(log.tree, self._at).write(self._means.tree)
        except OSError:
            self._means.tree.unlink(missing_ok=True)

    def _keep(self, note: SignedNote, checkpoint: Checkpoint, why: str) -> None:
        self._keeper.refresh(self._means.anchors)
        if self._keeper.keep(note, checkpoint, why):
            self._log = None  # an anchor holds what this notary does not know: look at everything again

    def _checkpointed(self, log: _Log, file: str, why: str) -> dict[str, Any]:
        signed = log.signed
        if signed is None:
            return {}
        return {
            "checkpoint": {
                "size": signed.size,
                "root": signed.root.hex(),
                "origin": signed.origin,
                "file": file,
                "head": self._source.hash_at(signed.size) or "",
                "anchors": self._keeper.holding(),
            },
            "why": why,
        }

    def _files_changed(self) -> bool:
        """Whether somebody else wrote checkpoints."""
        return _stamp(self._means.files) != self._files_seen


_BROKEN_REMEDY: Final = "nothing is signed any more; look at the ledger: peak ledger verify"


def _stamp(files: CheckpointFiles) -> object:
    """The newest file and how it is; changes when anybody writes."""
    paths = files.files()
    if not paths:
        return None
    try:
        found = paths[-1].stat()
    except OSError:
        return None
    return len(paths), paths[-1].name, found.st_size, found.st_mtime_ns
