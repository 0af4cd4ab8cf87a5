"""``audits/verified.json``: the last good verification, and where the next one may begin.

It is believed only as far as it proves itself: from the frontier it holds, with the ledger's own hashes, the
root must come out that a signed head of the same size says.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from peak_console.ledger.durable import replace_file
from peak_console.ledger.heads.merkle import Frontier

_LIMIT: Final = 64 * 1024
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Verified:
    """Up to which signed head the ledger was verified, and when."""

    size: int
    root: bytes
    head: str
    """The hash of event ``size``."""
    at: str
    full_at: str
    """When every event was looked at last."""
    border: Frontier
    """The tree at the border of a block before ``size``: the next verification begins after it."""

    def write(self, path: Path) -> None:
        """Replace the file; raises ``OSError``."""
        document = {
            "size": self.size,
            "root": self.root.hex(),
            "head": self.head,
            "at": self.at,
            "full_at": self.full_at,
            "border": self.border.size,
            "frontier": [one.hex() for one in self.border.peaks],
        }
        replace_file(path, json.dumps(document) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What the file says; ``None`` where there is none, or none in the right form."""
        try:
            with path.open("rb") as file:
                told = json.loads(file.read(_LIMIT))
            peaks = [bytes.fromhex(one) for one in told["frontier"]]
            found = cls(
                told["size"],
                bytes.fromhex(told["root"]),
                told["head"],
                told["at"],
                told["full_at"],
                Frontier(told["border"], peaks),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return found if found.is_formed() else None

    def is_formed(self) -> bool:
        """Whether the figures fit each other."""
        sizes = (self.size, self.border.size)
        texts = (self.head, self.at, self.full_at)
        return (
            all(type(one) is int for one in sizes)
            and all(isinstance(one, str) for one in texts)
            and 0 <= self.border.size < self.size
            and len(self.border.peaks) == self.border.size.bit_count()
            and all(len(one) == _HASH_BYTES for one in (self.root, *self.border.peaks))
        )
