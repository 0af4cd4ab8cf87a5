"""The writer leaves no state of a paper book twice, over a restart too."""

from pathlib import Path
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.paper_books import PaperBooks
from peak_console.shadow.book import book_digest


def opened(path: Path) -> LedgerWriter:
    """A writer with that condition."""
    books = PaperBooks()
    return LedgerWriter(path, clock=ManualClock(), projections=[books], conditions=[books.out_of_place])


def cycle(number: int, before: Any, name: str = "shadow", **changes: Any) -> EventDraft:
    """The end of a cycle that leaves this book."""
    body = {"book": {"name": name, "cycles": number}, "book_before": before} | changes
    return EventDraft(f"ev_{name}_{number}_{len(str(before))}", EventKind.SHADOW_CYCLE_FINISHED, body)


def code_of(result: Ack | PeakError) -> str:
    """How an append came out."""
    return result.code if isinstance(result, PeakError) else "written"


def digest_of(number: int, name: str = "shadow") -> str:
    """The digest of the book that a cycle left."""
    return book_digest({"name": name, "cycles": number})


def test_each_state_is_left_once(tmp_path: Path) -> None:
    """Within one batch, over a restart, and for each book alone."""
    path = tmp_path / "ledger.db"
    writer = opened(path)
    writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "test")])
    batch = [cycle(1, ""), cycle(1, "x"), cycle(2, digest_of(1)), cycle(1, "", "other")]
    results = writer.append([(one, "job:a") for one in batch])
    assert [code_of(one) for one in results] == ["written", "book_moved", "written", "written"]
    writer.close()
    again = opened(path)
    late = [
        cycle(3, digest_of(1)),
        cycle(3, ""),
        cycle(3, digest_of(2) + " "),
        cycle(2, digest_of(1, "other"), "other"),
    ]
    results = again.append([(one, "job:a") for one in late])
    assert [code_of(one) for one in results] == ["book_moved", "book_moved", "book_moved", "written"]
    (last,) = again.append([(cycle(4, digest_of(2)), "job:a")])
    assert code_of(last) == "written"
    again.close()


@pytest.mark.parametrize("book", [None, {}, {"name": ""}, {"name": 7}, "shadow"])
def test_an_end_without_its_book_is_malformed(tmp_path: Path, book: Any) -> None:
    """A cycle that leaves no book would leave the next one in doubt."""
    writer = opened(tmp_path / "ledger.db")
    writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "test")])
    (result,) = writer.append([(cycle(1, "", book=book), "job:a")])
    assert code_of(result) == "event_malformed"
    writer.close()
