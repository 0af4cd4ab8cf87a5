"""Three-way merge: never a lost edit, never a conflict where the sides do not contradict each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.editing.merging import Side, lines_of, merge

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "d\r\n"]), max_size=8).map("".join)
UNENDED = st.one_of(TEXTS, TEXTS.map(lambda text: text.rstrip("\n")))
QUIET = settings(deadline=None, max_examples=200)


@QUIET
@given(UNENDED, UNENDED)
def test_a_side_that_changed_nothing_never_conflicts(base: str, changed: str) -> None:
    """The other side's text is the result, byte for byte; so it is where both did the same."""
    for merged in (merge(base, changed, base), merge(base, base, changed), merge(base, changed, changed)):
        assert merged.conflicts == ()
        assert merged.text == changed


@QUIET
@given(UNENDED, UNENDED, UNENDED)
def test_no_line_of_either_side_is_lost(base: str, mine: str, theirs: str) -> None:
    """Each line that a side has more often than the base stands in the result, with conflicts marked."""
    merged = merge(base, mine, theirs)
    shown = [line.removesuffix("\n") for line in lines_of(merged.text)]
    for side in (mine, theirs):
        for line in {line.removesuffix("\n") for line in lines_of(side)}:
            added = _count(side, line) - _count(base, line)
            assert shown.count(line) >= added
    for conflict in merged.conflicts:
        assert conflict.mine != conflict.theirs
        assert conflict.base not in {conflict.mine, conflict.theirs}


@QUIET
@given(UNENDED, UNENDED, UNENDED)
def test_conflicts_settled_for_both_sides_hold_the_lines_of_both(base: str, mine: str, theirs: str) -> None:
    """And each conflict stands at the line it names."""
    merged = merge(base, mine, theirs)
    count = len(merged.conflicts)
    both = merged.settled([Side.BOTH] * count)
    for conflict in merged.conflicts:
        assert "".join(conflict.mine).rstrip("\n") in both
        assert "".join(conflict.theirs) in both
        assert lines_of(merged.text)[conflict.line - 1].startswith("<<<<<<<")
        assert lines_of(base)[conflict.base_line - 1 :][: len(conflict.base)] == list(conflict.base)


def _count(text: str, line: str) -> int:
    return [one.removesuffix("\n") for one in lines_of(text)].count(line)


def test_a_conflict_shows_all_three() -> None:
    """Between marks, with its line; other edits are merged around it."""
    merged = merge("a\nb\nc\nd\n", "a\nmine\nc\nd\n", "a\ntheirs\nc\nD\n")
    assert merged.text == "a\n<<<<<<< mine\nmine\n||||||| base\nb\n=======\ntheirs\n>>>>>>> theirs\nc\nD\n"
    assert [one.line for one in merged.conflicts] == [2]
    assert merged.settled([Side.MINE]) == "a\nmine\nc\nD\n"
    assert merged.settled([Side.BOTH]) == "a\nmine\ntheirs\nc\nD\n"
    with pytest.raises(ValueError, match="1 conflicts and 0 sides"):
        merged.settled([])


def test_edits_side_by_side_are_a_conflict() -> None:
    """Two lines that touch may mean one thing; a person decides."""
    assert merge("a\nb\n", "A\nb\n", "a\nB\n").conflicts
