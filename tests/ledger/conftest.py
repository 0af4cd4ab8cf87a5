"""Ledgers for tests: a writer with figures and budgets, a reader beside it."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger_desk import Desk
from ledger_service import Service


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


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose sockets have names short enough for the kernel."""
    with TemporaryDirectory(prefix="pk") as folder:
        yield Path(folder)


@pytest.fixture
async def service(desk: Desk, short_folder: Path) -> AsyncIterator[Service]:
    """A server over ``desk``."""
    one = await Service(desk, short_folder / "s").start()
    yield one
    await one.server.close()
