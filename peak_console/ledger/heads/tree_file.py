"""``audits/tree.json``: where the tree stood when its head was last signed, so that none begins at leaf 0.

The file is believed only as far as it proves itself: the frontier it holds ends at the last whole block
before the head; with the ledger's own hashes from there on it must give the root that was signed.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from peak_console.ledger.durable import replace_file
from peak_console.ledger.heads.merkle import Frontier

BLOCK: Final = 4096
"""Leaves between two places to begin at; at most so many are hashed again when the tree is read back."""

_LIMIT: Final = 64 * 1024
_HASH_BYTES: Final = 32


class TreeUnusable(ValueError):
    """The file is absent or does not say a tree; the tree is then made from the ledger."""


@dataclass(slots=True)
class GrowingTree:
    """A frontier that grows, and the one at the last block's beginning before its end."""

    frontier: Frontier = field(default_factory=Frontier)
    block: Frontier = field(default_factory=Frontier)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self.frontier.size

    def extend(self, entries: Iterable[bytes]) -> None:
        """Append entries."""
        for entry in entries:
            if not self.frontier.size % BLOCK:
                self.block = self.frontier.copy()
            self.frontier.extend((entry,))

    def root(self) -> bytes:
        """The root as it is."""
        return self.frontier.root()

    @classmethod
    def from_block(cls, block: Frontier) -> Self:
        """The tree that ends where a block begins; what follows is to be appended."""
        return cls(block.copy(), block.copy())


@dataclass(frozen=True, slots=True)
class TreeState:
    """The head that was signed, and the frontier at the beginning of its last block."""

    size: int
    root: bytes
    block: Frontier
    at: str
    """When it was signed."""

    @classmethod
    def of(cls, tree: GrowingTree, at: str) -> Self:
        """The state of a tree whose head was signed."""
        return cls(tree.size, tree.root(), tree.block.copy(), at)

    def write(self, path: Path) -> None:
        """Replace the file at ``path``; raises ``OSError``."""
        document = {
            "size": self.size,
            "root": self.root.hex(),
            "block": self.block.size,
            "frontier": [peak.hex() for peak in self.block.peaks],
            "at": self.at,
        }
        replace_file(path, json.dumps(document) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What ``path`` says, in the right form and not yet believed; raises :class:`TreeUnusable`."""
        try:
            with path.open("rb") as file:
                document = json.loads(file.read(_LIMIT))
            size, block = document["size"], document["block"]
            root, at = bytes.fromhex(document["root"]), document["at"]
            peaks = [bytes.fromhex(one) for one in document["frontier"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise TreeUnusable(str(error)) from None
        fits = (
            type(size) is int
            and type(block) is int
            and isinstance(at, str)
            and 0 <= block < size <= block + BLOCK
            and block % BLOCK == 0
            and len(peaks) == block.bit_count()
            and all(len(one) == _HASH_BYTES for one in (root, *peaks))
        )
        if not fits:
            raise TreeUnusable("its figures do not fit each other")
        return cls(size, root, Frontier(block, peaks), at)
