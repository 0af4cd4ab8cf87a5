"""The index of runs, as the node's child fills it: over a real ledger, killed, damaged, replaced."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from support.children import child, eventually
from support.composed import RUN, Composer, bare_workspace, composing

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.search.index import IndexUnavailable, remove_index
from peak_console.ledger.search.query import IndexReader, RunQuery
from peak_console.node import indexchild
from peak_console.node.indexchild import POLL_S, RETRY_S, Filler
from peak_console.operations.runs import run_line
from peak_console.operations.views.run_rows import line_of_row

MODULE = "peak_console.node.indexchild"
OTHER = "20261122_130000_abc999"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace without a ledger."""
    return bare_workspace(tmp_path / "ws")


def write_run(ledger: Composer, run_id: str = RUN, **finished: Any) -> None:
    """A run with a call, and its end."""
    ledger.event(EventKind.RUN_STARTED, {"purpose": "leverage check", "phase": "shadow"}, run_id=run_id)
    ledger.call(served_model="gpt-5-mini")
    ledger.event(EventKind.RUN_FINISHED, {"outcome": "ok", "artefacts": []} | finished, run_id=run_id)


def filled(ws: Workspace) -> Filler:
    """A filler that has caught up."""
    filler = Filler(ws)
    while not filler.round():
        pass
    return filler


def found(ws: Workspace, *words: str) -> list[str]:
    """The runs that the index finds for words."""
    with IndexReader(ws.search) as index:
        return [line_of_row(row).run_id for row in index.find(RunQuery(words=words), None, 100).rows]


def head(ws: Workspace) -> int:
    """The ledger's last place."""
    with LedgerReader(ws.ledger) as reader:
        return reader.head()[0]


def reached(ws: Workspace) -> int:
    """How far the index reaches; 0 without one."""
    try:
        with IndexReader(ws.search) as index:
            return index.position().seq
    except PeakError:
        return 0


def test_a_row_is_the_fold_of_the_runs_events(ws: Workspace) -> None:
    """What the index says of a run is what its events say, also when it goes on in later batches."""
    with composing(ws) as ledger:
        ledger.event(EventKind.RUN_STARTED, {"purpose": "leverage check"}, run_id=RUN)
        ledger.failure()
        filler = filled(ws)
        ledger.call()
        ledger.event(EventKind.RUN_FINISHED, {"outcome": "ok", "artefacts": []}, run_id=RUN)
        filler._forget()  # as after a restart: the fold is made anew from the ledger
        filler.close()
        filled(ws).close()
    with LedgerReader(ws.ledger) as reader, IndexReader(ws.search) as index:
        row = index.run(RUN)
        assert row is not None
        assert line_of_row(row) == run_line(RUN, reader.by_run(RUN))


def test_small_batches_give_the_same_index(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the events are cut into batches, with folds dropped in between, every row is the same."""
    monkeypatch.setattr(indexchild, "BATCH", 2)
    monkeypatch.setattr(indexchild, "_FOLDS_KEPT", 1)
    with composing(ws) as ledger:
        for run_id in (RUN, OTHER, RUN):
            write_run(ledger, run_id)
    filled(ws).close()
    with LedgerReader(ws.ledger) as reader, IndexReader(ws.search) as index:
        rows = [line_of_row(row) for row in index.find(RunQuery(), None, 10).rows]
        assert rows == [run_line(one, reader.by_run(one)) for one in (OTHER, RUN)]
        assert found(ws, "leverage", "gpt-5-mini") == [RUN]


def test_words_of_every_event_of_a_run_count_together(ws: Workspace) -> None:
    """Words that stand in different events, and in different batches, find the run; phrases need one text."""
    with composing(ws) as ledger:
        ledger.event(EventKind.RUN_STARTED, {"purpose": "max leverage"}, run_id=RUN)
        filler = filled(ws)
        ledger.failure(reason="timeout", detail="no answer in time")
        while not filler.round():
            pass
        filler.close()
    assert found(ws, "leverage", "timeout") == [RUN]
    assert found(ws, "max leverage") == found(ws, "lever*") == [RUN]
    assert found(ws, "leverage max") == found(ws, "leverage", "zebra") == []


def test_it_is_killed_and_goes_on(ws: Workspace) -> None:
    """After a kill the index is usable and goes on where it was; nothing is missing, nothing is double."""
    with composing(ws) as ledger:
        write_run(ledger)
        with child(MODULE, ws.root) as filling:
            eventually(lambda: reached(ws) == head(ws), "the first run is indexed")
            filling.kill()
        write_run(ledger, OTHER)
        with child(MODULE, ws.root) as filling:
            assert filling.first == {"ready": True, "index": str(ws.search)}
            eventually(lambda: reached(ws) == head(ws), "the second run is indexed")
            assert filling.end() == 0
    assert found(ws, "leverage") == [OTHER, RUN]


def test_at_rest_it_only_asks_for_news(ws: Workspace) -> None:
    """With nothing new a round reads nothing and waits."""
    with composing(ws) as ledger:
        write_run(ledger)
        filler = filled(ws)
        assert filler.round() == POLL_S
        ledger.event(EventKind.RUN_STARTED, {"purpose": "later"}, run_id=OTHER)
        assert filler.round() == 0.0
        filler.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 500, b""])
def test_a_damaged_index_is_filled_anew(ws: Workspace, damage: bytes) -> None:
    """What is no index, or is empty, is thrown away; the next rounds fill another."""
    with composing(ws) as ledger:
        write_run(ledger)
    filled(ws).close()
    remove_index(ws.search)
    ws.search.write_bytes(damage)
    filler = Filler(ws)
    assert filler.round() == (RETRY_S if damage else 0.0)
    filler.close()
    filled(ws).close()
    assert found(ws, "leverage") == [RUN]


def test_another_ledger_empties_it(ws: Workspace) -> None:
    """An index never holds the runs of a ledger that was replaced."""
    with composing(ws) as ledger:
        write_run(ledger)
    filler = filled(ws)
    for file in ws.audits.glob("ledger.db*"):
        file.unlink()
    with composing(ws, prefix="n") as ledger:
        for _ in range(3):
            write_run(ledger, OTHER)
    while not filler.round():
        pass
    filler.close()
    assert found(ws, "leverage") == [OTHER]


def test_an_event_between_two_looks_empties_nothing(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that comes after none was read, before the head is asked for, waits for the next round."""
    with composing(ws) as ledger:
        write_run(ledger)
        filler = filled(ws)
        before = reached(ws)
        read = indexchild._events

        def late(reader: LedgerReader, after: int) -> list[Any]:
            events = read(reader, after)
            monkeypatch.setattr(indexchild, "_events", read)
            write_run(ledger, OTHER)
            return events

        monkeypatch.setattr(indexchild, "_events", late)
        filler._version = -1  # as where something else than an event moved the file
        filler.round()
        assert reached(ws) == before
        while not filler.round():
            pass
        filler.close()
    assert reached(ws) == head(ws)
    assert found(ws, "leverage") == [OTHER, RUN]


def test_an_older_copy_of_the_ledger_empties_it(ws: Workspace) -> None:
    """A ledger that ends before the index does is another one."""
    with composing(ws) as ledger:
        write_run(ledger)
    copy = ws.ledger.read_bytes()
    with composing(ws, prefix="m") as ledger:
        write_run(ledger, OTHER)
    filled(ws).close()
    for file in ws.audits.glob("ledger.db*"):
        file.unlink()
    ws.ledger.write_bytes(copy)
    filled(ws).close()
    assert found(ws, "leverage") == [RUN]


def test_what_is_in_the_way_is_told_once(ws: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a ledger, and with the index locked, it waits, says so once, and goes on afterwards."""
    filler = Filler(ws)
    assert [filler.round(), filler.round()] == [RETRY_S, RETRY_S]
    assert capfd.readouterr().err.count("no ledger") == 1
    with composing(ws) as ledger:
        write_run(ledger)
    assert filler.round() == 0.0
    with composing(ws, prefix="k") as ledger:
        write_run(ledger, OTHER)
    holder = sqlite3.connect(ws.search, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert filler.round() == RETRY_S
    assert "locked" in capfd.readouterr().err
    holder.execute("ROLLBACK")
    holder.close()
    filler.close()
    filled(ws).close()
    assert found(ws, "leverage") == [OTHER, RUN]


def test_two_fillers_do_not_double(ws: Workspace) -> None:
    """The child of an earlier node that still ends writes nothing twice."""
    with composing(ws) as ledger:
        write_run(ledger)
        first, second = filled(ws), filled(ws)
        write_run(ledger, OTHER)
        for _ in range(4):
            first.round()
            second.round()
        first.close()
        second.close()
    assert found(ws, "leverage") == [OTHER, RUN]


def test_an_index_of_another_schema_is_refused_and_filled_anew(ws: Workspace) -> None:
    """A reader does not guess at another schema; the filler makes its own."""
    with composing(ws) as ledger:
        write_run(ledger)
    filled(ws).close()
    with sqlite3.connect(ws.search) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(IndexUnavailable) as refused:
        IndexReader(ws.search)
    assert refused.value.code == "index_schema"
    filled(ws).close()
    assert found(ws, "leverage") == [RUN]
