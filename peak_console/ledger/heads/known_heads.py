"""Which heads of a workspace's logs were signed, as far as files and anchors still tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from peak_console.ledger.heads.anchor_heads import Anchor, AnchorHead, is_signed, key_name
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.succession import OtherHead


@dataclass(frozen=True, slots=True)
class KnownHeads:
    """Heads that the workspace's key signed, by the name of their log. What it did not sign is left out."""

    roots: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    """Roots by origin and size."""
    newest: Checkpoint | None = None
    """The head that was signed last."""
    where: str = ""
    """Where the newest one was found."""
    unsigned: frozenset[str] = frozenset()
    """Logs that files name under other keys."""

    def of(self, origin: str) -> Mapping[int, bytes]:
        """The roots of one log, by size."""
        return self.roots.get(origin, {})

    def newest_of(self, origin: str) -> Checkpoint | None:
        """The largest head of one log."""
        roots = self.of(origin)
        return Checkpoint(origin, max(roots), roots[max(roots)]) if roots else None

    def others(self, origin: str) -> list[OtherHead]:
        """The largest head of every other log."""
        found = [self.newest_of(one) for one in self.roots if one != origin]
        return [OtherHead(one, "a signed head") for one in found if one is not None]


def known_heads(
    checkpoints: Path,
    key: bytes,
    anchors: Iterable[Anchor] = (),
    witnesses: Iterable[tuple[str, AnchorHead]] = (),
) -> KnownHeads:
    """Every signed head below ``checkpoints``, the newest of each of the ``anchors``, and ``witnesses``.

    Never raises.
    """
    unsigned: set[str] = set()
    roots: dict[str, dict[int, bytes]] = {}
    newest, where = None, ""
    for kept in CheckpointFiles(checkpoints).all():
        head = kept.checkpoint
        if head is not None and kept.note is not None and is_signed(kept.note, head.origin, key):
            roots.setdefault(head.origin, {})[head.size] = head.root
            newest, where = head, f"{checkpoints.name}/{kept.file}"
        elif head is not None and f"/{key_name(key)}/" not in head.origin:
            unsigned.add(head.origin)
    elsewhere = [(f"{one.kind} {one.place}", one.newest()) for one in anchors]
    for place, found in (*elsewhere, *witnesses):
        held = found.checkpoint
        if held is None or held.size in roots.get(held.origin, {}):
            continue
        roots.setdefault(held.origin, {})[held.size] = held.root
        if newest is None or (held.origin == newest.origin and held.size > newest.size):
            newest, where = held, place
    return KnownHeads(roots, newest, where, frozenset(unsigned))
