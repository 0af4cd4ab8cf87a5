"""The verifier of proofs: what holds is believed, and nothing else, however near it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import (
    InmemoryTree,
)
from pymerkle import (
    verify_consistency as other_consistency,
)
from pymerkle import (
    verify_inclusion as other_inclusion,
)
from tree_vectors import (
    CT_ENTRIES,
    CT_PATH_0_OF_8,
    CT_PATH_6_TO_8,
    CT_ROOTS,
    consistency_by_definition,
    entries_of,
    inclusion_by_definition,
    root_by_definition,
)

from peak_console.ledger.heads.merkle import EMPTY_ROOT
from peak_console.ledger.heads.merkle_proofs import PATH_LIMIT, verify_consistency, verify_inclusion

ENTRIES = entries_of(33)
ROOTS = [root_by_definition(ENTRIES[:size]) for size in range(34)]


def mutations(path: list[bytes]) -> Iterator[list[bytes]]:
    """Every path that is one slip away: a bit, a hash less, more, twice, exchanged, cut, or none."""
    for place, one in enumerate(path):
        for bit in (0, 7, 100, 255):
            flipped = bytearray(one)
            flipped[bit // 8] ^= 1 << bit % 8
            yield [*path[:place], bytes(flipped), *path[place + 1 :]]
        yield [*path[:place], *path[place + 1 :]]
        yield [*path[:place], one, *path[place:]]
        yield [*path[:place], bytes(32), *path[place:]]
        yield [*path[:place], one[:-1], *path[place + 1 :]]
        yield [*path[:place], one + b"\0", *path[place + 1 :]]
        yield [*path[:place], b"", *path[place + 1 :]]
        for later in range(place + 1, len(path)):
            swapped = list(path)
            swapped[place], swapped[later] = path[later], one
            yield swapped
    yield [*path, bytes(32)]
    yield [*path, EMPTY_ROOT]
    if path:
        yield []
        yield [*path, path[-1]]
        yield path[::-1] if len(path) > 1 else [*path, *path]


def test_the_known_proofs_hold() -> None:
    """Certificate Transparency's own paths are believed."""
    assert verify_inclusion(CT_ENTRIES[0], 0, 8, CT_PATH_0_OF_8, CT_ROOTS[7])
    assert verify_consistency(6, 8, CT_ROOTS[5], CT_ROOTS[7], CT_PATH_6_TO_8)


def test_every_true_proof_of_small_trees_holds() -> None:
    """All leaves and all beginnings of every tree up to 33 leaves, by the RFC's own paths."""
    for size in range(1, 34):
        whole = ENTRIES[:size]
        for index in range(size):
            path = inclusion_by_definition(index, whole)
            assert verify_inclusion(ENTRIES[index], index, size, path, ROOTS[size]), (index, size)
        for first in range(1, size + 1):
            path = consistency_by_definition(first, whole)
            assert verify_consistency(first, size, ROOTS[first], ROOTS[size], path), (first, size)


def test_no_slip_of_an_inclusion_path_is_believed() -> None:
    """Each mutation of each path of each tree up to 17 leaves is refused, and so is another entry."""
    for size in range(1, 18):
        for index in range(size):
            path = inclusion_by_definition(index, ENTRIES[:size])
            for wrong in mutations(path):
                assert not verify_inclusion(ENTRIES[index], index, size, wrong, ROOTS[size]), (index, size)
            assert not verify_inclusion(ENTRIES[index + 1], index, size, path, ROOTS[size])
            assert not verify_inclusion(ENTRIES[index], index, size, path, ROOTS[size + 1])


def test_no_other_place_or_size_is_believed_where_the_path_says_it() -> None:
    """An entry is at one index only, and the path's length binds the size."""
    for size in range(1, 18):
        for index in range(size):
            path = inclusion_by_definition(index, ENTRIES[:size])
            for other in range(-1, size + 2):
                holds = verify_inclusion(ENTRIES[index], other, size, path, ROOTS[size])
                assert holds == (other == index), (index, other, size)
            assert not verify_inclusion(ENTRIES[index], index, 4 * size + 4, path, ROOTS[size])
            assert not verify_inclusion(ENTRIES[index], index, 0, path, ROOTS[size])


def test_no_slip_of_a_consistency_path_is_believed() -> None:
    """Each mutation of each path between trees up to 17 leaves is refused, and so are other roots."""
    for second in range(1, 18):
        for first in range(1, second + 1):
            path = consistency_by_definition(first, ENTRIES[:second])
            roots = (ROOTS[first], ROOTS[second])
            for wrong in mutations(path):
                assert not verify_consistency(first, second, *roots, wrong), (first, second)
            assert not verify_consistency(first, second, ROOTS[first - 1], ROOTS[second], path)
            assert not verify_consistency(first, second, ROOTS[first], ROOTS[second + 1], path)
            if first != second:
                assert not verify_consistency(first, second, ROOTS[second], ROOTS[first], path)
                assert not verify_consistency(second, first, ROOTS[second], ROOTS[first], path)


def test_a_rewritten_beginning_has_no_path() -> None:
    """With one event changed no path of the true tree leads from the old root to the new one."""
    for first in range(1, 17):
        changed = [*ENTRIES[: first - 1], bytes(32), *ENTRIES[first:17]]
        path = consistency_by_definition(first, changed)
        assert not verify_consistency(first, 17, ROOTS[first], root_by_definition(changed), path)


def test_early_failures_are_those_of_the_rfc() -> None:
    """Equal sizes take an empty path and equal roots; the empty tree begins everything; nothing else."""
    assert verify_consistency(5, 5, ROOTS[5], ROOTS[5], [])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[5], [ROOTS[5]])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[6], [])
    assert not verify_consistency(4, 8, ROOTS[4], ROOTS[8], [])
    assert not verify_consistency(8, 4, ROOTS[8], ROOTS[4], [])
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_consistency(0, 5, ROOTS[1], ROOTS[5], [])
    assert not verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [ROOTS[5]])
    assert not verify_consistency(0, 0, ROOTS[1], ROOTS[1], [])
    assert not verify_consistency(-1, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_inclusion(ENTRIES[0], 0, 0, [], EMPTY_ROOT)


def test_a_path_longer_than_any_tree_is_refused_at_once() -> None:
    """A hostile length costs nothing."""
    path = [bytes(32)] * (PATH_LIMIT + 1)
    assert not verify_inclusion(ENTRIES[0], 0, 2**80, path, ROOTS[1])
    assert not verify_consistency(1, 2**80, ROOTS[1], ROOTS[2], path)


def test_a_node_is_no_leaf() -> None:
    """An inner node cannot be passed off as an entry: leaves and nodes are hashed apart."""
    left, right = (root_by_definition(ENTRIES[:2]), root_by_definition(ENTRIES[2:4]))
    assert not verify_inclusion(left + right, 0, 1, [], ROOTS[4])
    assert not verify_inclusion(left, 0, 2, [right], ROOTS[4])


@settings(max_examples=60)
@given(st.integers(1, 200), st.data())
def test_an_independent_program_agrees(size: int, data: st.DataObject) -> None:
    """Pymerkle's proofs hold here, and it believes the same root of the same leaves."""
    entries = entries_of(size)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    other = InmemoryTree(algorithm="sha256")
    for entry in entries:
        other.append_entry(entry)
    proof = other.prove_inclusion(index + 1)
    other_inclusion(other.get_leaf(index + 1), other.get_root(), proof)
    path = inclusion_by_definition(index, entries)
    assert verify_inclusion(entries[index], index, size, path, other.get_root())
    assert set(path) <= set(_hashes(proof))
    proof = other.prove_consistency(first, size)
    other_consistency(other.get_root(first), other.get_root(size), proof)
    path = consistency_by_definition(first, entries)
    assert verify_consistency(first, size, other.get_root(first), other.get_root(size), path)


def _hashes(proof: Any) -> list[bytes]:
    """The hashes of pymerkle's proof, which has the leaf's own among them."""
    found: list[bytes] = [
        one if isinstance(one, bytes) else bytes.fromhex(one) for one in proof.serialize()["path"]
    ]
    return found


@pytest.mark.parametrize("wrong", [b"", b"\0" * 31, b"\0" * 33])
def test_a_root_of_another_length_is_refused(wrong: bytes) -> None:
    """No hash function but SHA-256 has a say."""
    assert not verify_inclusion(ENTRIES[0], 0, 1, [], wrong)
    assert not verify_consistency(1, 1, wrong, wrong, [])
