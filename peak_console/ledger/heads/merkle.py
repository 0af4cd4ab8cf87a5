"""The Merkle tree over the ledger's event hashes (RFC 9162 section 2.1; RFC 6962 hashing). Pure.

The entry of a leaf is the 32 bytes of an event's ``hash``; leaf ``i`` is the event at place ``i + 1``.
Nothing of the tree is stored: roots and proofs are computed in one pass over the hashes, in memory that grows
with the logarithm of their number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

_BLOCK_LEVEL: Final = 12
_BLOCK: Final = 1 << _BLOCK_LEVEL

Place = tuple[int, int]
"""A perfect subtree: its level (0 is a leaf) and its number within that level."""

Range = tuple[int, int]
"""Leaves from the first number to before the second."""


def leaf_hash(entry: bytes) -> bytes:
    """The leaf of an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """A growing tree by its perfect subtrees, widest first: enough to go on and to know the root."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        """Append one leaf (its hash, not its entry)."""
        self._add(leaf, 0)

    def extend(self, entries: Iterable[bytes]) -> None:
        """Append entries."""
        for entry in entries:
            self._add(sha256(b"\x00" + entry).digest(), 0)

    def root(self) -> bytes:
        """The root of the tree as it is."""
        return fold(self.peaks)

    def copy(self) -> "Frontier":
        """Another one that grows apart from this."""
        return Frontier(self.size, list(self.peaks))

    def _add(self, node: bytes, level: int) -> None:
        """Append a perfect subtree of ``2 ** level`` leaves; the size must be a multiple of that."""
        complete = self.size >> level
        self.size += 1 << level
        while complete & 1:
            node = sha256(b"\x01" + self.peaks.pop() + node).digest()
            complete >>= 1
        self.peaks.append(node)

    def add_subtree(self, node: bytes, level: int) -> None:
        """Append a perfect subtree by its root; raises ``ValueError`` where it would not be aligned."""
        if self.size & ((1 << level) - 1):
            raise ValueError(f"a subtree of level {level} does not fit after {self.size} leaves")
        self._add(node, level)


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, widest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose roots are the inclusion path of leaf ``index`` among ``size``, in its order."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[Range] = []
    low, high = 0, size
    while high - low > 1:
        split = low + _split(high - low)
        if index < split:
            path.append((split, high))
            high = split
        else:
            path.append((low, split))
            low = split
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """The subtrees whose roots prove that a tree of ``first`` leaves begins one of ``second``."""
    if not 0 < first <= second:
        raise ValueError(f"no tree of {first} leaves is the beginning of one of {second}")
    path: list[Range] = []
    low, high = 0, second
    while high != first:
        split = low + _split(high - low)
        if first <= split:
            path.append((split, high))
            high = split
        else:
            path.append((low, split))
            low = split
    if low:
        path.append((low, high))
    return path[::-1]


def perfect_parts(wanted: Range) -> Iterator[Place]:
    """The perfect subtrees, widest first, that make up a subtree of the tree."""
    low, high = wanted
    while low < high:
        level = (high - low).bit_length() - 1
        if low:
            level = min(level, (low & -low).bit_length() - 1)
        yield level, low >> level
        low += 1 << level


@dataclass(frozen=True, slots=True)
class Collected:
    """What one pass over the entries gave: the tree's frontier, and the subtrees that were wanted."""

    frontier: Frontier
    nodes: dict[Place, bytes]

    def hash_of(self, wanted: Range) -> bytes:
        """The root of a subtree that was wanted; raises ``KeyError`` otherwise."""
        return fold([self.nodes[place] for place in perfect_parts(wanted)])


def collect(entries: Iterable[bytes], wanted: Iterable[Range] = ()) -> Collected:
    """Pass over all ``entries`` once and keep the roots of the subtrees ``wanted``."""
    places = {place for one in wanted for place in perfect_parts(one)}
    nodes: dict[Place, bytes] = {}
    frontier = Frontier()
    high = _HighNodes(places, nodes)
    block: list[bytes] = []
    number = 0
    for entry in entries:
        block.append(entry)
        if len(block) == _BLOCK:
            top = _reduce(block, number, places, nodes)
            frontier.add_subtree(top, _BLOCK_LEVEL)
            high.add(top, number)
            block, number = [], number + 1
    if block:
        _reduce(block, number, places, nodes)
        frontier.extend(block)
    return Collected(frontier, nodes)


class _HighNodes:
    """Subtrees of whole blocks, as they become complete."""

    def __init__(self, places: set[Place], nodes: dict[Place, bytes]) -> None:
        self._places, self._nodes = places, nodes
        self._stack: list[bytes] = []

    def add(self, node: bytes, number: int) -> None:
        level = _BLOCK_LEVEL
        while number & 1:
            node = node_hash(self._stack.pop(), node)
            number >>= 1
            level += 1
            if (level, number) in self._places:
                self._nodes[level, number] = node
        self._stack.append(node)


def _reduce(block: Sequence[bytes], number: int, places: set[Place], nodes: dict[Place, bytes]) -> bytes:
    """Keep what is wanted of one block of entries; its root where it is whole."""
    row = [sha256(b"\x00" + entry).digest() for entry in block]
    level, begin = 0, number * _BLOCK
    while True:
        for place in _among(places, level, begin, len(row)):
            nodes[place] = row[place[1] - begin]
        if len(row) <= 1:
            return row[0] if row else EMPTY_ROOT
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level, begin = level + 1, begin >> 1


def _among(places: set[Place], level: int, begin: int, count: int) -> Iterator[Place]:
    """The wanted places of one row, found the shorter way."""
    if not places:
        return
    if len(places) < count:
        yield from (one for one in places if one[0] == level and begin <= one[1] < begin + count)
    else:
        yield from (place for number in range(begin, begin + count) if (place := (level, number)) in places)


def _split(size: int) -> int:
    """The largest power of two below ``size``: where a tree divides."""
    return 1 << (size - 1).bit_length() - 1
