"""A ledger with a key and checkpoint files beside it, for proofs and for the notary."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger_desk import Desk
from test_notes import SIGNER, SeedSigner

from peak_console.config.ledger import CheckpointRules
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.signing import Signer
from peak_console.ledger.heads.anchor_heads import Anchor
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notary import Means, Notary
from peak_console.ledger.heads.notes import Checkpoint, NoteKey
from peak_console.ledger.heads.proving import log_key

_NUMBERS = iter(range(1, 10**9))


def drafts(count: int, kind: str = "run.finished") -> list[EventDraft]:
    """Events that nobody folds figures from."""
    return [EventDraft(f"ev_{next(_NUMBERS)}", kind, {"note": "x"}) for _ in range(count)]


@dataclass
class SignedDesk:
    """A ledger, the notary of it, and what a workspace has beside it."""

    desk: Desk
    folder: Path
    signer: SeedSigner = SIGNER
    anchors: list[Anchor] = field(default_factory=list)
    rules: CheckpointRules = field(default_factory=CheckpointRules)
    said: list[dict[str, Any]] = field(default_factory=list)
    key_problem: PeakError | None = None
    no_public: bool = False

    @property
    def files(self) -> CheckpointFiles:
        """The checkpoint files."""
        return CheckpointFiles(self.folder / "checkpoints")

    @property
    def tree(self) -> Path:
        """Where the tree is remembered."""
        return self.folder / "tree.json"

    @property
    def clock(self) -> ManualClock:
        """The clock of ledger and notary."""
        return self.desk.clock

    def key(self) -> NoteKey:
        """The key under the log's name."""
        with self.desk.reader() as reader:
            return log_key(reader, self.signer.public)

    def notary(self) -> Notary:
        """A notary that begins now."""

        def signer() -> Signer:
            if self.key_problem is not None:
                raise self.key_problem
            return self.signer

        def anchors(_: bytes) -> Sequence[Anchor]:
            return self.anchors

        return Notary(
            Means(
                ledger=self.desk.path,
                tree=self.tree,
                files=self.files,
                public=lambda: None if self.no_public else self.signer.public,
                signer=signer,
                anchors=anchors,
                rules=self.rules,
                anchor_every_s=300,
                clock=self.clock,
            ),
            self.said.append,
        )

    def settle(self, notary: Notary, **how: bool) -> None:
        """Let it look until there is nothing left to read."""
        for _ in range(100):
            if not notary.round(**how) and notary.settled:
                return
        raise AssertionError("the notary does not come to rest")

    def signed(self) -> list[int]:
        """The sizes of the heads that were signed, in order."""
        return [one.checkpoint.size for one in self.files.all() if one.checkpoint is not None]

    def heads(self) -> list[Checkpoint]:
        """The heads themselves."""
        return [one.checkpoint for one in self.files.all() if one.checkpoint is not None]

    def told(self, name: str) -> list[Any]:
        """What was said under a name."""
        return [one[name] for one in self.said if name in one]
