"""The Merkle tree: roots, frontiers and paths against the definition, known figures and another program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree
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

from peak_console.ledger.heads.merkle import (
    EMPTY_ROOT,
    Frontier,
    collect,
    consistency_ranges,
    fold,
    inclusion_ranges,
    perfect_parts,
)

BLOCK = 4096


def test_the_known_tree_has_its_roots_and_paths() -> None:
    """Certificate Transparency's test tree comes out to the bit."""
    for size in range(1, 9):
        assert collect(CT_ENTRIES[:size]).frontier.root() == CT_ROOTS[size - 1]
    path = inclusion_ranges(0, 8)
    found = collect(CT_ENTRIES, path)
    assert tuple(map(found.hash_of, path)) == CT_PATH_0_OF_8
    path = consistency_ranges(6, 8)
    found = collect(CT_ENTRIES, path)
    assert tuple(map(found.hash_of, path)) == CT_PATH_6_TO_8


def test_every_small_tree_is_that_of_the_definition() -> None:
    """Roots and all paths of trees up to 20 leaves equal those made word for word after the RFC."""
    entries = entries_of(20)
    for size in range(1, 21):
        whole = entries[:size]
        assert collect(whole).frontier.root() == root_by_definition(whole)
        for index in range(size):
            path = inclusion_ranges(index, size)
            found = collect(whole, path)
            assert [found.hash_of(one) for one in path] == inclusion_by_definition(index, whole)
        for first in range(1, size + 1):
            path = consistency_ranges(first, size)
            found = collect(whole, path)
            assert [found.hash_of(one) for one in path] == consistency_by_definition(first, whole)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 31, 64, 65, 1000])
def test_the_root_is_that_of_an_independent_program(size: int) -> None:
    """pymerkle, which shares no line with ours, gives the same root."""
    other = InmemoryTree(algorithm="sha256")
    for entry in entries_of(size):
        other.append_entry(entry)
    assert collect(entries_of(size)).frontier.root() == (other.get_root() if size else EMPTY_ROOT)


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 77])
def test_blocks_of_leaves_change_nothing(size: int) -> None:
    """Around the block in which leaves are hashed, a pass gives what leaf after leaf gives."""
    entries = entries_of(size)
    one_by_one = Frontier()
    one_by_one.extend(entries)
    wanted = [
        *inclusion_ranges(size // 3, size),
        *inclusion_ranges(size - 1, size),
        (0, size),
        (0, size // 2),
    ]
    found = collect(iter(entries), wanted)
    assert found.frontier == one_by_one
    assert found.hash_of((0, size)) == one_by_one.root()
    half = Frontier()
    half.extend(entries[: size // 2])
    assert found.hash_of((0, size // 2)) == half.root()


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_frontier_goes_on_where_it_was_copied(first: int, more: int) -> None:
    """A frontier that stops and goes on is the frontier of all leaves, and its copy stands still."""
    entries = entries_of(first + more)
    frontier = Frontier()
    frontier.extend(entries[:first])
    kept = frontier.copy()
    frontier.extend(entries[first:])
    assert frontier.root() == root_by_definition(entries)
    assert kept.root() == root_by_definition(entries[:first])
    assert len(frontier.peaks) == frontier.size.bit_count()


def test_a_subtree_is_appended_only_where_it_is_aligned() -> None:
    """Four leaves as one subtree equal the four; after one leaf they have no place."""
    entries = entries_of(8)
    frontier = Frontier()
    frontier.add_subtree(root_by_definition(entries[:4]), 2)
    frontier.extend(entries[4:])
    assert frontier.root() == root_by_definition(entries)
    frontier.extend(entries[:1])
    with pytest.raises(ValueError, match="does not fit"):
        frontier.add_subtree(bytes(32), 2)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_perfect_parts_tile_a_range(one: int, other: int) -> None:
    """They follow each other without gap from begin to end."""
    low, high = sorted((one, other))
    place = low
    for level, number in perfect_parts((low, high)):
        assert number << level == place
        place += 1 << level
    assert place == high


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 3)])
def test_there_is_no_path_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """An index outside the tree is refused."""
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_path_from_what_is_no_beginning(first: int, second: int) -> None:
    """The empty tree and a longer one are the beginning of nothing."""
    with pytest.raises(ValueError, match="beginning"):
        consistency_ranges(first, second)


def test_nothing_folds_to_the_empty_root() -> None:
    """A tree without leaves has the root of the RFC."""
    assert fold([]) == EMPTY_ROOT == collect([]).frontier.root()
