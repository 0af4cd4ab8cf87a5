"""A ledger whose heads were signed and anchored, as a node leaves one."""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_attacks import hashes
from ledger_desk import Desk
from ledger_events import completed, denied, event_id, judged, note, requested

from peak_console.control.keys import KeySigner
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.heads.anchors import Anchors, survey
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import Frontier, leaf_hash
from peak_console.ledger.heads.notes import Checkpoint, SignedNote, origin_of
from peak_console.ledger.verifying.verify import Plan, Sources, VerifyResult, verify

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SIGNED = (8, 14)
EVENTS = 18


def new_key() -> KeySigner:
    """A key of nobody."""
    return KeySigner(Ed25519PrivateKey.generate())


@dataclass
class Court:
    """Eighteen events below ``folder``: heads of 8 and 14 signed, recorded and anchored, three more after."""

    folder: Path
    git: bool = False
    anchored: bool = True
    key: KeySigner = field(default_factory=new_key)

    def fill(self) -> "Court":
        """Write it all, and close the ledger."""
        self.root.mkdir(parents=True)
        if self.git:
            subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        desk = Desk(self.path).open()
        desk.write(
            note("a"), requested("c1"), completed("c1"), judged("FAIL"), note("b"), denied(), note("c")
        )
        self.sign(desk)
        desk.clock.advance(90)
        desk.write(requested("c2"), completed("c2"), note("d"), judged("PASS"), note("e"))
        self.sign(desk)
        desk.clock.advance(90)
        desk.write(note("f"), denied(), note("g"))
        assert desk.writer.head[0] == EVENTS
        desk.writer.close()
        return self

    @property
    def root(self) -> Path:
        """The workspace."""
        return self.folder / "ws"

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.root / "ledger.db"

    @property
    def files(self) -> CheckpointFiles:
        """The signed heads."""
        return CheckpointFiles(self.root / "checkpoints")

    @property
    def notes_file(self) -> Path:
        """The one file of signed heads."""
        (found,) = self.files.files()
        return found

    @property
    def memory(self) -> Path:
        """What is remembered of a verification."""
        return self.root / "verified.json"

    @cached_property
    def origin(self) -> str:
        """The name of the log."""
        return origin_of(self.key.public, hashes(self.path, 1)[0].hex())

    def anchors(self) -> Anchors:
        """Where heads are kept outside."""
        return survey(
            self.root, SimpleNamespace(git=self.git, folder=""), self.key.public, self.folder / "state"
        )

    def head(self, size: int, key: KeySigner | None = None) -> SignedNote:
        """The head of the events as they stand, signed."""
        signer = key or self.key
        tree = Frontier()
        for one in hashes(self.path, size):
            tree.add(leaf_hash(one))
        return Checkpoint(self.origin, size, tree.root()).signed(signer)

    def sign(self, desk: Desk) -> None:
        """Sign the head, keep it everywhere, and record that."""
        size, head = desk.writer.head
        signed = self.head(size)
        self.files.append(signed, NOW)
        told = []
        if self.anchored:
            for anchor in self.anchors().anchors:
                anchor.keep(signed, NOW)
                told.append({"kind": anchor.kind, "place": anchor.place, "size": size})
        body = {
            "size": size,
            "root": Checkpoint.of_text(signed.text).root.hex(),
            "origin": self.origin,
            "file": self.notes_file.name,
            "head": head,
            "anchors": told,
        }
        desk.write(EventDraft(event_id(), EventKind.LEDGER_CHECKPOINTED, body))

    def write_notes(self, *notes: SignedNote) -> None:
        """Put these in the place of all signed heads."""
        self.notes_file.write_text("".join(map(str, notes)), encoding="utf-8")

    def verify(self, plan: Plan | None = None, **fields: object) -> VerifyResult:
        """Verify as the workspace does."""
        whole = {
            "key": self.key.public,
            "notes": self.files.folder,
            "anchors": self.anchors() if self.anchored else None,
            **fields,
        }
        return verify(self.path, plan=plan, sources=Sources(**whole))  # type: ignore[arg-type]


def later(seconds: int) -> datetime:
    """So long after the heads were signed."""
    return NOW + timedelta(seconds=seconds)
