"""Ledgers for tests: a writer with figures and budgets, a reader beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger_desk import Desk


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    """Where a test's ledger lies."""
    return tmp_path / "ledger.db"


@pytest.fixture
def desk(ledger_path: Path) -> Iterator[Desk]:
    """An open ledger with its genesis."""
    one = Desk(ledger_path).open()
    yield one
    one.writer.close()


@pytest.fixture
def make_desk(ledger_path: Path) -> Iterator[Callable[..., Desk]]:
    """Open a ledger with guards, conditions or limits of the test's own."""
    made: list[Desk] = []

    def make(**fields: object) -> Desk:
        made.append(Desk(ledger_path, **fields).open())  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.writer.close()
