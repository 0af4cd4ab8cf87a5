"""The index's pages: what fits, newest first, each once, whatever the filter and the size of the page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peak_console.ledger.search.index import RUN_COLUMNS, Batch, IndexWriter, Position
from peak_console.ledger.search.query import Condition, IndexReader, RunQuery

COUNT = 400
WORDS = ("alpha", "beta", "gamma", "delta")


def row_of(number: int) -> dict[str, Any]:
    """A made-up run; every third failed, every fiftieth failed its critic, layers and costs in turn."""
    seq = 1 + number * 7
    zeros: dict[str, Any] = {name: 0 if "INTEGER" in kind else "" for name, kind in RUN_COLUMNS.items()}
    return zeros | {
        "seq": seq,
        "last_seq": seq + 5,
        "run_id": f"202611{22 + number // 200:02}_120000_{number:06}",
        "started": f"2026-11-22T{number // 60:02}:{number % 60:02}:00.000000Z",
        "finished": None,
        "layers": f"L{number % 3} L{3 + number % 2}",
        "outcome": "failed" if number % 3 == 0 else "ok",
        "verdict": "FAIL" if number % 50 == 0 else "PASS",
        "phase": "shadow",
        "cost": number * 1_000_000,
        "purpose": f"Purpose {number}",
    }


def words_at(number: int) -> list[str]:
    """The words of a run: ``alpha`` of all, ``beta`` of every second, ``gamma`` of every seventh."""
    return [word for word, every in zip(WORDS, (1, 2, 7, 100_000), strict=True) if number % every == 0]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexReader]:
    """An index of made-up runs, its words in two batches a run."""
    path = tmp_path_factory.mktemp("index") / "search.db"
    writer, at = IndexWriter(path), Position()
    for first in range(0, COUNT, 100):
        rows = [row_of(number) for number in range(first, first + 100)]
        layers = [(layer, row["seq"]) for row in rows for layer in row["layers"].split()]
        for half in (0, 1):
            words = {
                (row["seq"], row["seq"] + 3 + half): " ".join(words_at(first + at_)[half::2])
                for at_, row in enumerate(rows)
            }
            reached = Position(at.seq + 1, f"{at.seq:064}", "g")
            assert writer.put(Batch([list(row.values()) for row in rows], layers, words, reached), at)
            at = reached
    writer.close()
    with IndexReader(path) as reader:
        yield reader


def all_of(index: IndexReader, wanted: RunQuery, limit: int, patience_s: float = 600.0) -> list[int]:
    """The places of every page, one after the other."""
    places: list[int] = []
    before: int | None = None
    for _ in range(10_000):
        page = index.find(wanted, before, limit, patience_s=patience_s)
        assert len(page.rows) <= limit
        places += [row[0] for row in page.rows]
        if page.next_before is None:
            return places
        assert before is None or page.next_before < before
        before = page.next_before
    raise AssertionError("the pages do not end")


CONDITIONS: dict[str, tuple[Condition, Callable[[dict[str, Any]], bool]]] = {
    "failed": (Condition("outcome", "among", ("failed",)), lambda row: row["outcome"] == "failed"),
    "critic": (Condition("verdict", "among", ("FAIL",)), lambda row: row["verdict"] == "FAIL"),
    "not L3": (Condition("layers", "among", ("L3",), True), lambda row: "L3" not in row["layers"]),  # noqa: FBT003 - negated
    "L0, L4": (
        Condition("layers", "among", ("L0", "L4")),
        lambda row: bool({"L0", "L4"} & set(row["layers"].split())),
    ),
    "dear": (Condition("cost", ">=", (300_000_000,)), lambda row: row["cost"] >= 300_000_000),
    "like": (
        Condition("purpose", "like", ("purpose 1*",)),
        lambda row: row["purpose"].startswith("Purpose 1"),
    ),
    "run": (Condition("run_id", "like", ("20261123*",)), lambda row: row["run_id"].startswith("20261123")),
}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    names=st.sets(st.sampled_from(sorted(CONDITIONS)), max_size=3),
    words=st.sets(st.sampled_from(WORDS), max_size=3),
    without=st.sets(st.sampled_from(WORDS), max_size=1),
    limit=st.integers(1, 150),
)
def test_pages_hold_what_fits_and_nothing_else(
    index: IndexReader, names: set[str], words: set[str], without: set[str], limit: int
) -> None:
    """Any conditions and words: together the pages are exactly the runs that fit, newest first, each once."""
    wanted = RunQuery(tuple(CONDITIONS[name][0] for name in sorted(names)), tuple(words), tuple(without))
    expected = [
        row_of(number)["seq"]
        for number in reversed(range(COUNT))
        if all(CONDITIONS[name][1](row_of(number)) for name in names)
        and words <= set(words_at(number))
        and not without & set(words_at(number))
    ]
    assert all_of(index, wanted, limit) == expected


@pytest.mark.parametrize("wanted", [RunQuery(without=("alpha",)), RunQuery(words=("alpha", "gamma"))])
def test_a_page_out_of_time_says_where_to_go_on(index: IndexReader, wanted: RunQuery) -> None:
    """Without any patience pages are short or empty, and still lead through everything."""
    page = index.find(wanted, None, 200, patience_s=-1.0)
    assert page.next_before is not None
    assert all_of(index, wanted, 200, patience_s=-1.0) == [
        row_of(number)["seq"] for number in reversed(range(COUNT)) if wanted.words and number % 7 == 0
    ]


def test_a_condition_says_the_same_in_sql_and_in_python(index: IndexReader) -> None:
    """What holds for a row's own values is what the index finds."""
    for condition, _ in CONDITIONS.values():
        rows = [row_of(number) for number in reversed(range(COUNT))]

        def value(row: dict[str, Any], column: str = condition.column) -> Any:
            return row[column].split() if column == "layers" else row[column]

        held = [row["seq"] for row in rows if condition.holds(value(row))]
        assert all_of(index, RunQuery((condition,)), 100) == held


@pytest.mark.parametrize("word", ['"', "a OR b", "x*", "NEAR(a b)", "-", "alpha AND", "(", "*", "a:b", "^a"])
def test_no_word_is_taken_for_syntax(index: IndexReader, word: str) -> None:
    """Whatever is typed is looked for; it never is an expression of the search's own."""
    assert isinstance(index.find(RunQuery(words=(word,)), None, 10).rows, tuple)


def test_a_column_that_is_none_is_refused() -> None:
    """Only the index's own columns ever reach a statement."""
    with pytest.raises(ValueError, match="1=1"):
        Condition("1=1 --", "among", ("x",)).sql()


def test_nothing_is_there_before_it_is_filled(tmp_path: Path) -> None:
    """An index just made is empty, and says so."""
    IndexWriter(tmp_path / "s.db").close()
    with IndexReader(tmp_path / "s.db") as reader:
        assert reader.position() == Position()
        assert reader.find(RunQuery(), None, 10).rows == ()
