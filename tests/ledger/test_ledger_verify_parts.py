"""Figures counted again in parts: the same verdict as in one count, wherever the events are cut."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from ledger_attacks import tampering
from ledger_desk import Desk
from ledger_events import completed, denied, failed, judged, note, requested, settled

from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.jobs import figure_jobs, perform
from peak_console.ledger.verifying.parts import NO_END, Part, cut, lost_before
from peak_console.ledger.verifying.recount import TimeTurnedBack, find_wrong_figures
from peak_console.ledger.verifying.verify import Plan, verify

APART = Plan(workers=2, level=2, piece_blocks=1)


def fill(desk: Desk) -> None:
    """Nine minutes over two days; callers lost in one and answered, settled or not in later ones."""
    for number in range(9):
        call = f"c{number}"
        desk.write(requested(call), completed(call), note(), judged("PASS"), denied())
        lost = f"l{number}"
        desk.write(requested(lost), failed(lost, reason="caller_lost", cost=100, basis="worst_case"))
        if number > 1:
            desk.write(completed(f"l{number - 2}", cost=number))
        if number == 4:
            desk.write(settled("l3", cost=10, was=100))
        desk.clock.advance(60 if number != 5 else 86_400)


def parts_of(path: Path, step: int) -> list[Part]:
    """How a ledger is cut."""
    db = open_for_reading(path)
    try:
        (last,) = db.execute("SELECT max(seq) FROM ledger").fetchone()
        return cut(db, last, step)
    finally:
        db.close()


def wrong_in(path: Path, step: int) -> list[str]:
    """What the parts find wrong."""
    db = open_for_reading(path)
    try:
        return [
            one
            for one in (find_wrong_figures(db, part, lambda *_: None) for part in parts_of(path, step))
            if one
        ]
    finally:
        db.close()


@contextmanager
def figures_of(path: Path) -> Iterator[sqlite3.Connection]:
    """The file in the hands of somebody who changes figures alone: no trigger stands in the way of that."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        yield db


@pytest.mark.parametrize("step", [1, 5, 9, 20, 50, 1000])
def test_parts_are_whole_minutes_and_fit(desk: Desk, step: int) -> None:
    """They follow each other, cover every event and minute, and each is the fold of its events."""
    fill(desk)
    desk.writer.close()
    parts = parts_of(desk.path, step)
    assert (parts[0].after, parts[0].since, parts[0].is_first) == (0, 0, True)
    assert (parts[-1].upto, parts[-1].until, parts[-1].is_last) == (NO_END, NO_END, True)
    for one, following in pairwise(parts):
        assert (one.upto, one.until) == (following.after, following.since)
        assert not following.is_first
    assert len(parts) == 9 if step <= 5 else (len(parts) > 1) == (step <= 20)
    assert wrong_in(desk.path, step) == []


def test_what_was_lost_before_a_border_is_known_after_it(desk: Desk) -> None:
    """At each place the bookings are those that a fold from the beginning has."""
    fill(desk)
    desk.writer.close()
    with tampering(desk.path) as db:
        (last,) = db.execute("SELECT max(seq) FROM ledger").fetchone()
        stored = {(call, hop): cost for call, hop, cost in db.execute("SELECT * FROM lost_call")}
        assert lost_before(db, last) == stored
        assert set(stored) == {("l7", 1), ("l8", 1)}
        (seq,) = db.execute("SELECT seq FROM ledger WHERE kind = 'budget.settled'").fetchone()
        assert lost_before(db, seq) == {("l3", 1): 10, ("l4", 1): 100}
        assert lost_before(db, 0) == {}


_TABLES = ("rollup", "critic_rollup", "denial_rollup", "error_rollup")


@pytest.mark.parametrize("table", _TABLES)
@pytest.mark.parametrize("step", [5, 20, 1000])
def test_a_wrong_figure_is_found_in_whichever_part_it_is(desk: Desk, table: str, step: int) -> None:
    """A row of every window, changed or taken away, and one that no event made."""
    fill(desk)
    desk.writer.close()
    with figures_of(desk.path) as db:
        places = db.execute(f"SELECT DISTINCT width_s, start FROM {table}").fetchall()  # noqa: S608
    kept = desk.path.read_bytes()
    column = "calls" if table == "rollup" else "count"
    where = "WHERE width_s = ? AND start = ?"
    for place in places:
        for verb in (f"UPDATE {table} SET {column} = {column} + 1", f"DELETE FROM {table}"):  # noqa: S608
            change = f"{verb} {where}"
            with figures_of(desk.path) as db:
                db.execute(change, place)
            assert wrong_in(desk.path, step), (place, change)
            desk.path.write_bytes(kept)


def test_a_window_that_no_event_made_is_found(desk: Desk) -> None:
    """Before, between and after those that are there."""
    fill(desk)
    desk.writer.close()
    kept = desk.path.read_bytes()
    for width in (60, 600, 3600, 86_400):
        for place in (0, 10**9 - 10**9 % 86_400, 4 * 10**9 - 4 * 10**9 % 86_400):
            with figures_of(desk.path) as db:
                db.execute("INSERT INTO critic_rollup VALUES (?, ?, 0, 'L3', 'PASS', 1)", (width, place))
            assert wrong_in(desk.path, 9), (width, place)
            desk.path.write_bytes(kept)


def test_a_clock_that_was_set_back_makes_one_count_of_all(desk: Desk) -> None:
    """Reopened minutes belong to several parts: the parts say so, and the verdict is that of one count."""
    fill(desk)
    desk.clock.advance(-200)
    desk.write(completed("late"), judged("FAIL"))
    desk.clock.advance(400)
    desk.write(completed("later"))
    desk.writer.close()
    with pytest.raises(TimeTurnedBack):
        wrong_in(desk.path, 5)
    result = verify(desk.path, plan=APART)
    assert (result.ok, result.workers) == (True, 2)
    with tampering(desk.path) as db:
        db.execute("UPDATE critic_rollup SET count = count + 1 WHERE width_s = 600")
    assert verify(desk.path, plan=APART).broken_how == "wrong_rollup"


@pytest.mark.parametrize("bytes_", [b"x", b"{}", b"[]", b'{"cost_eur":"x","hop":1,"usage":{}}'])
def test_a_body_that_cannot_be_counted_is_a_break_in_other_processes_too(desk: Desk, bytes_: bytes) -> None:
    """The chain names the event; no process ends early over it."""
    fill(desk)
    desk.writer.close()
    with tampering(desk.path) as db:
        db.execute("UPDATE body SET bytes = ? WHERE seq = 3", (bytes_,))
    result = verify(desk.path, plan=APART)
    assert (result.broken_seq, result.broken_how) == (3, "edited_body")
    job = figure_jobs(desk.path, None, 0, 0)[0]  # type: ignore[arg-type]  # one job asks nothing
    assert perform(job, lambda *_: None)["found"].how == "wrong_rollup"
