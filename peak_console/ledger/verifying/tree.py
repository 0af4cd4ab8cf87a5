"""Roots over the ledger's hashes, made of pieces that were hashed apart.

A piece begins at the border of a block. It gives the roots of its whole blocks, and for each size that was
asked for the root of the block's leaves up to it; with the subtrees before, that is the tree's root at that
size (RFC 9162 section 2.1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from peak_console.ledger.heads.merkle import Frontier, fold, perfect_parts

BLOCK_LEVEL: Final = 12
"""A block has ``2 ** BLOCK_LEVEL`` leaves."""


@dataclass(slots=True)
class PieceRoots:
    """What the leaves after ``after`` gave."""

    after: int
    level: int
    blocks: list[bytes] = field(default_factory=list)
    parts: dict[int, bytes] = field(default_factory=dict)
    """By size of the tree: the root over the block's leaves up to it."""
    rest: list[bytes] = field(default_factory=list)
    """Perfect subtrees of the last block where it is not whole, widest first."""
    rest_leaves: int = 0


class PieceTree:
    """Hashes leaves block by block; memory is that of one block."""

    def __init__(self, after: int, sizes: Iterable[int], level: int = BLOCK_LEVEL) -> None:
        self._block = 1 << level
        if after % self._block:
            raise ValueError(f"a piece begins at a block's border, not after {after}")
        self._sizes = sorted(set(sizes), reverse=True)
        self._waiting: list[str] = []
        self.roots = PieceRoots(after, level)

    def extend(self, hashes: Sequence[str]) -> None:
        """Take event hashes in, in hexadecimal."""
        self._waiting.extend(hashes)
        while len(self._waiting) >= self._block:
            block, self._waiting = self._waiting[: self._block], self._waiting[self._block :]
            rows = self._rows(block)
            self.roots.blocks.append(rows[-1][0])

    def finish(self) -> PieceRoots:
        """The end of the piece."""
        if self._waiting:
            rows = self._rows(self._waiting)
            self.roots.rest_leaves = len(self._waiting)
            self.roots.rest = [rows[level][number] for level, number in perfect_parts((0, len(rows[0])))]
            self._waiting = []
        return self.roots

    def _rows(self, block: Sequence[str]) -> list[list[bytes]]:
        """The levels over a block's leaves, perfect subtrees only; keeps the parts that were asked for."""
        row = [sha256(b"\x00" + bytes.fromhex(one)).digest() for one in block]
        rows = [row]
        while len(row) > 1:
            row = [sha256(b"\x01" + a + b).digest() for a, b in zip(row[::2], row[1::2], strict=False)]
            rows.append(row)
        begin = self.roots.after + len(self.roots.blocks) * self._block
        end = begin + len(block)
        while self._sizes and self._sizes[-1] <= end:
            size = self._sizes.pop()
            if size > begin:
                places = perfect_parts((0, size - begin))
                self.roots.parts[size] = fold([rows[level][number] for level, number in places])
        return rows


@dataclass(slots=True)
class WholeTree:
    """The tree as its pieces are put together in their order."""

    frontier: Frontier = field(default_factory=Frontier)
    roots: dict[int, bytes] = field(default_factory=dict)
    """The tree's root at each size that was asked for and reached."""
    borders: dict[int, Frontier] = field(default_factory=dict)
    """Frontiers at the border before each of the sizes in ``keep``."""
    keep: frozenset[int] = frozenset()

    def add(self, piece: PieceRoots) -> None:
        """Append a piece; raises ``ValueError`` where it does not follow."""
        if piece.after != self.frontier.size:
            raise ValueError(f"the piece after {piece.after} does not follow {self.frontier.size} leaves")
        block = 1 << piece.level
        asked = sorted(piece.parts, reverse=True)
        for node in (*piece.blocks, None):
            begin = self.frontier.size
            while asked and asked[-1] <= begin + block:
                size = asked.pop()
                self.roots[size] = fold([*self.frontier.peaks, piece.parts[size]])
                if size in self.keep:
                    self.borders[size] = self.frontier.copy()
            if node is not None:
                self.frontier.add_subtree(node, piece.level)
        for node, (level, _) in zip(piece.rest, perfect_parts((0, piece.rest_leaves)), strict=True):
            self.frontier.add_subtree(node, level)
