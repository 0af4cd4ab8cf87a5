"""Verification: a sound ledger passes, every kind of tampering is named with its first place."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_attacks import delete, insert, rows_of, swap, tampering
from ledger_desk import Desk
from ledger_events import completed, denied, judged, note, requested

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import header_hash
from peak_console.ledger.verifying.chain import HEADER_SQL
from peak_console.ledger.verifying.verify import Plan, VerifyStage, verify

EVENTS = 12
OPTIONAL = ("run_id", "call_id", "layer", "role", "provider", "model_id")
TEXT_COLUMNS = ("kind", "actor", "event_id", "ts", *OPTIONAL)


def fill(desk: Desk) -> None:
    """Twelve events of several kinds, the genesis among them."""
    desk.write(note("a"), requested("c1"), completed("c1"), judged("FAIL"))
    desk.clock.advance(90)
    desk.write(note("b", run_id="r2"), requested("c2"), completed("c2", model_id="gpt-5-mini"), denied())
    desk.clock.advance(4000)
    desk.write(note("c"), judged("PASS"), note("d"))
    assert desk.writer.head[0] == EVENTS


@pytest.fixture
def closed(desk: Desk) -> Path:
    """A closed ledger of twelve events."""
    fill(desk)
    desk.writer.close()
    return desk.path


def test_a_sound_ledger_verifies(desk: Desk) -> None:
    """While it is being written, and after."""
    fill(desk)
    result = verify(desk.path)
    assert result.ok
    assert (result.events, result.head) == desk.writer.head
    assert (result.broken_seq, result.broken_how) == (None, None)
    desk.write(note())
    assert verify(desk.path).events == EVENTS + 1


def test_an_empty_ledger_verifies(ledger_path: Path) -> None:
    """Nothing written is nothing broken."""
    desk = Desk(ledger_path).open()
    desk.writer.close()
    with tampering(ledger_path) as db:
        db.execute("DELETE FROM body")
        db.execute("DELETE FROM ledger")
    assert verify(ledger_path).events == 0


TAMPERS: list[tuple[str, Callable[[sqlite3.Connection], Any], int | None, str]] = [
    ("actor", lambda db: db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = 5"), 5, "edited_row"),
    ("time", lambda db: db.execute("UPDATE ledger SET boot_us = boot_us + 1 WHERE seq = 7"), 7, "edited_row"),
    (
        "hash",
        lambda db: db.execute("UPDATE ledger SET hash = printf('%064x', 7) WHERE seq = 5"),
        5,
        "edited_row",
    ),
    (
        "link",
        lambda db: db.execute("UPDATE ledger SET prev_hash = printf('%064x', 7) WHERE seq = 5"),
        5,
        "edited_row",
    ),
    (
        "head",
        lambda db: db.execute("UPDATE ledger SET kind = 'run.finished' WHERE seq = 12"),
        12,
        "edited_row",
    ),
    ("taken away", lambda db: db.execute("UPDATE ledger SET run_id = NULL WHERE seq = 6"), 6, "edited_row"),
    (
        "nul",
        lambda db: db.execute("UPDATE ledger SET actor = actor || char(0) || 'x' WHERE seq = 6"),
        6,
        "edited_row",
    ),
    (
        "bytes",
        lambda db: db.execute("UPDATE ledger SET actor = CAST(x'ff41' AS TEXT) WHERE seq = 6"),
        6,
        "edited_row",
    ),
    (
        "moved boundary",
        lambda db: db.execute(
            """UPDATE ledger SET kind = kind || '","layer":"' || layer, layer = NULL WHERE seq = 3"""
        ),
        3,
        "edited_row",
    ),
    (
        "moved boundary at the end",
        lambda db: db.execute(
            """UPDATE ledger SET role = role || '","run_id":"' || run_id, run_id = NULL WHERE seq = 3"""
        ),
        3,
        "edited_row",
    ),
    ("body", lambda db: db.execute("UPDATE body SET bytes = x'7b7d' WHERE seq = 4"), 4, "edited_body"),
    (
        "body and its digest",
        lambda db: (
            db.execute("UPDATE body SET bytes = x'7b7d' WHERE seq = 4"),
            db.execute(
                "UPDATE ledger SET body_sha256 = ? WHERE seq = 4", (hashlib.sha256(b"{}").hexdigest(),)
            ),
        ),
        4,
        "edited_row",
    ),
    ("body gone", lambda db: db.execute("DELETE FROM body WHERE seq = 4"), 4, "deleted_body"),
    ("gap", lambda db: delete(db, 6), 6, "deleted_row"),
    ("closed gap", lambda db: delete(db, 6, renumbered=True), 6, "deleted_row"),
    ("cut tail, bodies left", lambda db: db.execute("DELETE FROM ledger WHERE seq > 10"), 11, "deleted_row"),
    ("inserted", lambda db: insert(db, 6, sound=True), 6, "inserted_row"),
    ("inserted badly", lambda db: insert(db, 6, sound=False), 6, "inserted_row"),
    ("swapped neighbours", lambda db: swap(db, 6, 7), 6, "swapped_rows"),
    ("swapped", lambda db: swap(db, 4, 9), 4, "swapped_rows"),
    ("genesis gone", lambda db: delete(db, 1), 1, "bad_genesis"),
    ("genesis replaced", lambda db: delete(db, 1, renumbered=True), 1, "bad_genesis"),
    (
        "genesis kind",
        lambda db: db.execute("UPDATE ledger SET kind = 'run.started' WHERE seq = 1"),
        1,
        "bad_genesis",
    ),
    (
        "genesis edited",
        lambda db: db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = 1"),
        1,
        "edited_row",
    ),
    (
        "figure",
        lambda db: db.execute("UPDATE rollup SET calls = calls + 1 WHERE width_s = 60"),
        None,
        "wrong_rollup",
    ),
    (
        "money",
        lambda db: db.execute("UPDATE rollup SET cost_nano_eur = 0 WHERE width_s = 3600"),
        None,
        "wrong_rollup",
    ),
    ("total", lambda db: db.execute("UPDATE rollup SET errors = 9 WHERE width_s = 0"), None, "wrong_rollup"),
    (
        "verdict",
        lambda db: db.execute("UPDATE critic_rollup SET verdict = 'REVIEW' WHERE layer = 'L3'"),
        None,
        "wrong_rollup",
    ),
    ("denial gone", lambda db: db.execute("DELETE FROM denial_rollup"), None, "wrong_rollup"),
    ("minute gone", lambda db: db.execute("DELETE FROM rollup WHERE width_s = 60"), None, "wrong_rollup"),
    ("day gone", lambda db: db.execute("DELETE FROM rollup WHERE width_s = 86400"), None, "wrong_rollup"),
    (
        "minute made up",
        lambda db: db.execute(
            "INSERT INTO denial_rollup SELECT 60, 60, 0, rule, place, 1 FROM denial_rollup LIMIT 1"
        ),
        None,
        "wrong_rollup",
    ),
    (
        "cut tail with bodies",
        lambda db: (
            db.execute("DELETE FROM body WHERE seq > 8"),
            db.execute("DELETE FROM ledger WHERE seq > 8"),
        ),
        None,
        "wrong_rollup",
    ),
]


@pytest.mark.parametrize(
    ("tamper", "seq", "how"), [one[1:] for one in TAMPERS], ids=[one[0] for one in TAMPERS]
)
def test_tampering_is_named_with_its_first_place(
    closed: Path, tamper: Callable[[sqlite3.Connection], Any], seq: int | None, how: str
) -> None:
    """Which event is broken first, and how."""
    with tampering(closed) as db:
        tamper(db)
    result = verify(closed)
    assert not result.ok
    assert (result.broken_seq, result.broken_how) == (seq, how)
    assert result.detail


@pytest.mark.parametrize("table", ["ledger", "body"])
def test_a_table_of_events_that_is_gone_is_named(closed: Path, table: str) -> None:
    """No event is at fault, all are."""
    with tampering(closed) as db:
        db.execute(f"DROP TABLE {table}")
    result = verify(closed)
    assert (result.ok, result.events, result.broken_seq) == (False, 0, None)
    assert result.broken_how == "missing_table"
    assert table in result.detail


def test_a_table_of_figures_that_is_gone_is_named_after_the_chain(closed: Path) -> None:
    """The events hold; what was kept beside them does not."""
    with tampering(closed) as db:
        db.execute("DROP TABLE critic_rollup")
    result = verify(closed)
    assert (result.ok, result.events, result.broken_how) == (False, EVENTS, "missing_table")
    assert "critic_rollup" in result.detail
    assert verify(closed, figures=False).broken_how == "missing_table"


def leaf_of_the_middle(path: Path, table: str) -> tuple[int, int]:
    """A page of ``table`` that holds events of its middle, and the page's size."""
    with tampering(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    data = path.read_bytes()
    page = data[(root - 1) * size : root * size]
    assert page[0] == 0x05, "an interior page: the table is larger than one page"
    cells = int.from_bytes(page[3:5], "big")
    place = int.from_bytes(page[12 + cells // 2 * 2 :][:2], "big")
    return int.from_bytes(page[place : place + 4], "big"), size


@pytest.mark.parametrize("table", ["ledger", "body"])
def test_a_damaged_page_is_named_by_its_first_event(desk: Desk, table: str) -> None:
    """Everything before it is verified; the break is where reading ends, and no error is raised."""
    for number in range(60):
        desk.write(*(note(f"n{number}-{one}", run_id=f"r{number}") for one in range(5)))
    last = desk.writer.head[0]
    desk.writer.close()
    page, size = leaf_of_the_middle(desk.path, table)
    with desk.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with tampering(desk.path) as db:
        first = next(seq for seq in range(1, last + 1) if not readable(db, table, seq))
    result = verify(desk.path)
    assert 1 < first < last
    assert (result.ok, result.events) == (False, first - 1)
    assert (result.broken_seq, result.broken_how) == (first, "unreadable")
    assert f"event {first}" in result.detail


def readable(db: sqlite3.Connection, table: str, seq: int) -> bool:
    """Whether this row can be read."""
    try:
        return db.execute(f"SELECT * FROM {table} WHERE seq = ?", (seq,)).fetchone() is not None  # noqa: S608
    except sqlite3.DatabaseError:
        return False


@pytest.mark.parametrize("chunk", [1, 2, 5, 12, 13])
def test_the_size_of_a_chunk_does_not_matter(closed: Path, chunk: int) -> None:
    """Breaks on the border of two chunks are found like any other."""
    plan = Plan(chunk=chunk)
    assert verify(closed, plan=plan).ok
    with tampering(closed) as db:
        delete(db, 6)
    result = verify(closed, plan=plan)
    assert (result.events, result.broken_seq, result.broken_how) == (5, 6, "deleted_row")


def test_a_rewritten_chain_is_beyond_a_chain(closed: Path) -> None:
    """Who rewrites everything after a place makes a sound chain again: checkpoints are for that."""
    with tampering(closed) as db:
        db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = 9")
        previous = ""
        for header in rows_of(db):
            if header["seq"] >= 9:
                header["prev_hash"] = previous
                header["hash"] = header_hash(header)
                db.execute(
                    "UPDATE ledger SET prev_hash = ?, hash = ? WHERE seq = ?",
                    (header["prev_hash"], header["hash"], header["seq"]),
                )
            previous = header["hash"]
    assert verify(closed).ok


def test_the_header_in_sql_is_the_canonical_header(closed: Path) -> None:
    """Joined by SQLite, the header is byte for byte what the contract hashes."""
    with tampering(closed) as db:
        joined = db.execute(f"SELECT {HEADER_SQL} FROM ledger l ORDER BY seq").fetchall()  # noqa: S608
        for (text,), header in zip(joined, rows_of(db), strict=True):
            assert hashlib.sha256(text.encode()).hexdigest() == header["hash"] == header_hash(header)


TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(['","layer":"', "\\", '"', "\x00", "L2", "openai", "ada"])
)
EDITS = st.one_of(
    st.tuples(st.just("text"), st.integers(1, EVENTS), st.sampled_from(TEXT_COLUMNS), TEXTS),
    st.tuples(st.just("null"), st.integers(1, EVENTS), st.sampled_from(OPTIONAL), st.none()),
    st.tuples(st.just("number"), st.integers(1, EVENTS), st.just("boot_us"), st.integers(0, 2**40)),
    st.tuples(st.just("body"), st.integers(1, EVENTS), st.just("bytes"), st.binary(max_size=20)),
    st.tuples(st.just("delete"), st.integers(1, EVENTS - 1), st.booleans(), st.none()),
    st.tuples(st.just("swap"), st.integers(1, EVENTS), st.integers(1, EVENTS), st.none()),
    st.tuples(st.just("insert"), st.integers(2, EVENTS), st.booleans(), st.none()),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Where a ledger to tamper with lies, and what stands in it before."""
    desk = Desk(tmp_path_factory.mktemp("tamper") / "ledger.db").open()
    fill(desk)
    desk.writer.close()
    return desk.path, desk.path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(EDITS, min_size=1, max_size=3))
def test_no_change_of_a_written_event_goes_unseen(
    written: tuple[Path, bytes], edits: list[tuple[str, Any, Any, Any]]
) -> None:
    """Any edit that leaves another ledger than was written is found; where nothing changed nothing is."""
    path, data = written
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(data)
    with tampering(path) as db:
        before = (rows_of(db), db.execute("SELECT * FROM body ORDER BY seq").fetchall())
        for what, seq, detail, value in edits:
            if what in {"text", "null", "number"}:
                db.execute(f"UPDATE OR IGNORE ledger SET {detail} = ? WHERE seq = ?", (value, seq))  # noqa: S608
            elif what == "body":
                db.execute("UPDATE body SET bytes = ? WHERE seq = ?", (value, seq))
            elif what == "delete":
                delete(db, seq, renumbered=detail)
            elif what == "swap":
                swap(db, seq, detail)
            elif db.execute("SELECT 1 FROM ledger WHERE event_id = 'ev_put_in'").fetchone() is None and (
                db.execute("SELECT 1 FROM ledger WHERE seq = ?", (seq - 1,)).fetchone() is not None
            ):
                insert(db, seq, sound=detail)
        after = (rows_of(db), db.execute("SELECT * FROM body ORDER BY seq").fetchall())
    result = verify(path, figures=False)
    # A cleanly cut tail is the one thing a chain cannot see; the figures and checkpoints are for that.
    a_beginning = len(after[0]) == len(after[1]) and all(
        old[: len(new)] == new for old, new in zip(before, after, strict=True)
    )
    assert result.ok == a_beginning, (result, edits)


def test_progress_is_told(desk: Desk) -> None:
    """Both stages report how far they are, up to all events."""
    fill(desk)
    told: list[tuple[VerifyStage, int, int]] = []
    verify(desk.path, lambda *one: told.append(one), plan=Plan(chunk=5))
    assert (VerifyStage.CHAIN, 5, EVENTS) in told
    assert told[-1] == (VerifyStage.FIGURES, EVENTS, EVENTS)


def test_a_file_of_damaged_pages_is_unreadable_from_its_first_event(closed: Path) -> None:
    """Nothing of it can be read, and the verdict says what to do."""
    data = bytearray(closed.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    closed.write_bytes(bytes(data))
    result = verify(closed)
    assert (result.ok, result.events) == (False, 0)
    assert (result.broken_seq, result.broken_how) == (1, "unreadable")
    assert "restore a backup" in result.detail


def test_a_file_that_is_no_database_is_an_error_with_its_remedy(closed: Path) -> None:
    """That is no verdict on a chain."""
    closed.write_bytes(b"\xa5" * 8192)
    with pytest.raises(LedgerUnavailable) as caught:
        verify(closed)
    assert caught.value.code == "ledger_not_a_database"
    assert caught.value.remedy
