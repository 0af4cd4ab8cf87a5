"""Which heads of a workspace's logs were signed, as far as files and anchors still tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from peak_console.ledger.heads.anchor_heads import Anchor, is_signed
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint


@dataclass(frozen=True, slots=True)
class KnownHeads:
    """Heads that the workspace's key signed, by the name of their log. What it did not sign is left out."""

    roots: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    """Roots by origin and size."""
    newest: Checkpoint | None = None
    """The head that was signed last."""
    where: str = ""
    """Where the newest one was found."""

    def of(self, origin: str) -> Mapping[int, bytes]:
        """The roots of one log, by size."""
        return self.roots.get(origin, {})


def known_heads(checkpoints: Path, key: bytes, anchors: Iterable[Anchor] = ()) -> KnownHeads:
    """Every signed head below ``checkpoints``, and the newest of each of the ``anchors``. Never raises."""
    roots: dict[str, dict[int, bytes]] = {}
    newest, where = None, ""
    for kept in CheckpointFiles(checkpoints).all():
        head = kept.checkpoint
        if head is not None and kept.note is not None and is_signed(kept.note, head.origin, key):
            roots.setdefault(head.origin, {})[head.size] = head.root
            newest, where = head, f"{checkpoints.name}/{kept.file}"
    for anchor in anchors:
        held = anchor.newest().checkpoint
        if held is None or held.size in roots.get(held.origin, {}):
            continue
        roots.setdefault(held.origin, {})[held.size] = held.root
        if newest is None or (held.origin == newest.origin and held.size > newest.size):
            newest, where = held, f"{anchor.kind} {anchor.place}"
    return KnownHeads(roots, newest, where)
