"""Whether proofs of the Merkle tree hold: the verifier's side, after RFC 9162 2.1.3.2 and 2.1.4.2. Pure.

Written apart from the generators in ``merkle``: it shares nothing with them but the hashing of a node.
Nothing here raises for a proof, however it is made: what is not a proof is ``False``.
"""

from collections.abc import Sequence
from typing import Final

from peak_console.ledger.heads.merkle import EMPTY_ROOT, leaf_hash, node_hash

HASH_BYTES: Final = 32
"""The length of every hash of the tree."""

PATH_LIMIT: Final = 64
"""More hashes than a path can have in any tree of fewer than ``2 ** 63`` leaves."""


def verify_inclusion(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``entry`` is leaf ``index`` (from 0) of the tree of ``size`` leaves under ``root``.

    RFC 9162 section 2.1.3.2; ``path`` is from the leaf upwards.
    """
    if not 0 <= index < size or not _are_hashes(path, root):
        return False
    number, last = index, size - 1
    found = leaf_hash(entry)
    for sibling in path:
        if last == 0:
            return False  # hashes are left over
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of ``first`` leaves under ``first_root`` begins that of ``second`` leaves.

    RFC 9162 section 2.1.4.2. Two trees of one size are consistent when they are equal, and the empty tree is
    the beginning of every tree; both take an empty path.
    """
    if not 0 <= first <= second or not _are_hashes(path, first_root, second_root):
        return False
    if first == second:
        return not path and first_root == second_root and (first > 0 or first_root == EMPTY_ROOT)
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    if not path:
        return False
    begins_whole = first & (first - 1) == 0
    return _joins(first, second, first_root, second_root, [first_root, *path] if begins_whole else path)


def _joins(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Steps 3 to 7 of the RFC: both roots are rebuilt from one path."""
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = path[0]
    for node in path[1:]:
        if last == 0:
            return False  # hashes are left over
        if number & 1 or number == last:
            before, after = node_hash(node, before), node_hash(node, after)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, node)
        number, last = number >> 1, last >> 1
    return last == 0 and before == first_root and after == second_root


def _are_hashes(path: Sequence[bytes], *roots: bytes) -> bool:
    return len(path) <= PATH_LIMIT and all(len(one) == HASH_BYTES for one in (*path, *roots))
