"""A cycle whose pages, texts or record cannot be written: it ends with a reason, and leaves no position."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from shadow.cycle_world import World, job, world

from peak_console.domain.errors import PeakError
from peak_console.domain.jobs import RunState
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.jobs.worker import ending_of
from peak_console.shadow.cycle import run_cycle
from peak_console.shadow.working import WorkEnd


async def cycled(at: World, until: str, then: Callable[[], object]) -> WorkEnd:
    """A cycle to which ``then`` happens at the step that says ``until``; how its worker ends."""

    def step(words: str) -> None:
        at.steps.append(words)
        if until in words:
            then()

    try:
        return await run_cycle(at.working(job(), step=step))
    except PeakError as error:
        return ending_of(error)


@pytest.mark.parametrize(
    ("until", "reason"),
    [("asks L2", "texts_unwritable"), ("asks the gate", "artefact_unwritable")],
    ids=["texts", "pages"],
)
async def test_runs_that_cannot_be_written_any_more(tmp_path: Path, until: str, reason: str) -> None:
    """In the place of runs/ lies a file: the run fails with the reason, the cycle is aborted, unfilled."""
    async with world(tmp_path) as at:

        def take_away() -> None:
            at.ws.runs.rename(at.ws.root / "before")
            at.ws.runs.write_text("")

        end = await cycled(at, until, take_away)
        (told,) = at.finished()
    assert end.state is RunState.FAILED
    assert reason in f"{end.outcome} {end.detail}"
    assert (told["outcome"], told["reasons"], told["fill"]) == ("aborted", ["artefact_unwritable"], None)
    assert told["book"]["state"]["positions"] == []


async def test_a_ledger_that_is_full_ends_the_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker's end has the reason, for the node to tell when there is room; no end and no fill stands."""

    def full(*_: object) -> NoReturn:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async with world(tmp_path) as at:
        end = await cycled(at, "asks L3", lambda: monkeypatch.setattr(LedgerWriter, "_transact", full))
        monkeypatch.undo()
        assert (end.state, end.outcome) == (RunState.FAILED, "ledger_full")
        assert "full" in end.detail
        assert at.finished() == []
        again = await cycled(at, "nothing", lambda: None)
        (told,) = at.finished()
    assert again.state is RunState.DONE
    assert (told["book_before"], told["book"]["cycles"]) == ("", 1)
