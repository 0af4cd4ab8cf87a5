"""Files that are whole or not there."""

from pathlib import Path

import pytest

from peak_console.ledger.durable import replace_file


def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    path = tmp_path / "state.json"
    replace_file(path, "one")
    replace_file(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_take_its_place_leaves_all_as_it_was(tmp_path: Path) -> None:
    """A folder stands there: it stays, and what was written beside it goes."""
    path = tmp_path / "state.json"
    (path / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match=r"state\.json"):
        replace_file(path, "one")
    assert list(tmp_path.iterdir()) == [path]
