"""The file itself: append-only for everyone, and never mistaken for another."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from ledger_desk import Desk
from ledger_events import note, settled

from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import GENESIS_PREV_HASH, HEADER_FIELDS, header_hash
from peak_console.ledger.migrations import MIGRATIONS
from peak_console.ledger.schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    SQLITE_VERSION,
    has_wal_reset_bug,
    open_for_reading,
    open_for_writing,
)
from peak_console.ledger.verifying.verify import verify


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET actor = 'eve' WHERE seq = 2",
        "DELETE FROM ledger WHERE seq = 2",
        "UPDATE body SET bytes = x'7b7d' WHERE seq = 2",
        "DELETE FROM body WHERE seq = 2",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger WHERE seq = 2",
        "INSERT OR REPLACE INTO body VALUES (2, x'7b7d')",
        "UPDATE OR REPLACE ledger SET seq = 9 WHERE seq = 2",
    ],
)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_what_is_written_stays(desk: Desk, statement: str, recursive: str) -> None:
    """No update, delete or replacement passes the triggers, whatever a connection's own settings are."""
    desk.write(note(), note())
    with sqlite3.connect(desk.path) as db:
        db.execute(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)
    db.close()


@pytest.mark.parametrize(("seq", "link"), [(9, "head"), (4, "other"), (3, "head"), (0, "head"), (-1, "head")])
def test_an_event_must_follow_the_head(desk: Desk, seq: int, link: str) -> None:
    """A gap, a foreign link or a taken place is refused by the table itself."""
    desk.write(note(), note())
    prev_hash = desk.writer.head[1] if link == "head" else "f" * 64
    with (
        sqlite3.connect(desk.path) as db,
        pytest.raises(sqlite3.IntegrityError, match="must follow the head"),
    ):
        db.execute(
            "INSERT INTO ledger(seq, event_id, ts, boot_us, kind, actor, body_sha256, prev_hash, hash)"
            " VALUES (?, 'ev', 't', 1, 'k', 'a', ?, ?, ?)",
            (seq, "a" * 64, prev_hash, "b" * 64),
        )
    db.close()


def test_the_columns_are_the_contracts(desk: Desk) -> None:
    """Columns are named as the header's fields, in their order, in STRICT tables."""
    with sqlite3.connect(desk.path) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(ledger)")]
        tables = {row[1]: row[5] for row in db.execute("PRAGMA table_list")}
    db.close()
    assert tuple(columns) == HEADER_FIELDS
    assert [tables[name] for name in ("ledger", "body", "rollup")] == [1, 1, 1]


def test_the_file_says_what_it_is(desk: Desk) -> None:
    """Application id, schema version, WAL and full synchronisation."""
    with sqlite3.connect(desk.path) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    assert desk.writer._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert desk.writer._db.execute("PRAGMA recursive_triggers").fetchone() == (1,)
    assert sqlite3.sqlite_version == SQLITE_VERSION


def test_opening_again_migrates_nothing(desk: Desk) -> None:
    """A ledger of this schema is opened as it is."""
    desk.write(note())
    head = desk.writer.head
    desk.reopen()
    assert desk.writer.head == head


def unfit(path: Path, content: str) -> None:
    """Make ``path`` something else than a ledger of ours."""
    if content == "text":
        path.write_text("this is not a database at all, but it is long enough to be looked at\n" * 40)
        return
    db = sqlite3.connect(path)
    if content == "foreign":
        db.execute("CREATE TABLE notes(x)")
    elif content == "other application":
        db.execute("PRAGMA application_id = 7")
    elif content == "newer":
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("text", "ledger_not_a_database"),
        ("foreign", "ledger_foreign"),
        ("other application", "ledger_foreign"),
        ("newer", "ledger_schema_newer"),
    ],
)
def test_what_is_no_ledger_of_ours_is_refused(ledger_path: Path, content: str, code: str) -> None:
    """Writers and readers say why, with a remedy, and leave the file as it is."""
    unfit(ledger_path, content)
    before = ledger_path.read_bytes()
    for opening in (open_for_writing, open_for_reading):
        with pytest.raises(LedgerUnavailable) as caught:
            opening(ledger_path)
        assert caught.value.code == code
        assert caught.value.remedy
    assert ledger_path.read_bytes() == before


def test_a_reader_needs_a_ledger_and_cannot_write(desk: Desk, tmp_path: Path) -> None:
    """Nothing is created by looking; a reading connection refuses every write."""
    with pytest.raises(LedgerUnavailable) as caught:
        open_for_reading(tmp_path / "nowhere.db")
    assert caught.value.code == "ledger_unopenable"
    assert not (tmp_path / "nowhere.db").exists()
    (tmp_path / "empty.db").touch()
    with pytest.raises(LedgerUnavailable) as caught:
        open_for_reading(tmp_path / "empty.db")
    assert caught.value.code == "ledger_empty"
    db = open_for_reading(desk.path)
    with pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM rollup")
    db.close()


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
    ],
)
def test_a_library_with_the_wal_reset_bug_is_known(version: tuple[int, ...], affected: bool) -> None:  # noqa: FBT001
    """As sqlite.org lists it; this machine's own version can be asked."""
    assert has_wal_reset_bug(version) is affected
    assert has_wal_reset_bug() in {True, False}


def version_1(path: Path) -> None:
    """A ledger as the first schema left it: a call booked at its bound, one corrected, one open."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    MIGRATIONS.apply(sqlite_utils.Database(db), stop_before="002_breakers_and_bounds")
    db.execute("PRAGMA user_version = 1")
    events = [
        ("workspace.initialised", None, {"simulated": True}),
        ("llm.call.requested", "c1", {"hop": 1, "bound_eur": "0.000000100", "bound_tokens": 100}),
        ("llm.call.failed", "c1", _end("worst_case", "0.000000100")),
        ("llm.call.requested", "c2", {"hop": 1, "bound_eur": "0.000000100", "bound_tokens": 100}),
        ("llm.call.failed", "c2", {**_end("worst_case", "0.000000100"), "reason": "caller_lost"}),
        ("llm.call.completed", "c2", {**_end("usage", "0.000000040"), "usage": {"input": 1}}),
        ("llm.call.requested", "c3", {"hop": 1, "bound_eur": "0.000000100", "bound_tokens": 100}),
    ]
    head = GENESIS_PREV_HASH
    for seq, (kind, call_id, body) in enumerate(events, 1):
        data = canonical(body)
        fields = {
            "seq": seq, "event_id": f"ev_{seq}", "ts": "2026-11-22T12:00:00.000000Z", "boot_us": 1,
            "kind": kind, "actor": "ada", "body_sha256": sha256_hex(data), "prev_hash": head,
            **({"call_id": call_id, "run_id": "r1"} if call_id else {}),
        }  # fmt: skip
        head = header_hash(fields)
        row = [fields.get(name) for name in HEADER_FIELDS[:-1]]
        db.execute("INSERT INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", (*row, head))
        db.execute("INSERT INTO body VALUES (?, ?)", (seq, data))
    keys = '["run:r1","day:2026-11-22"]'
    db.execute("INSERT INTO reservation VALUES ('c3', 1, 'client', 'open', 100, 100, ?)", (keys,))
    db.execute("INSERT INTO budget_counter VALUES ('run:r1', 'd1', 140, 100, 2, 100, 100, 1, '[]')")
    db.close()


def _end(basis: str, cost: str) -> dict[str, Any]:
    return {
        "hop": 1, "reason": "timeout", "cost_eur": cost, "cost_basis": basis, "latency_us": 1,
        "attempts": [{"number": 1, "reason": "timeout"}],
    }  # fmt: skip


def test_a_ledger_of_version_1_is_migrated_by_the_writer(ledger_path: Path) -> None:
    """Events and head as they were; open calls still reserved; what stands at its bound is known."""
    version_1(ledger_path)
    with pytest.raises(LedgerUnavailable) as caught:
        open_for_reading(ledger_path)
    assert caught.value.code == "ledger_schema_older"
    assert "peak node start" in caught.value.remedy
    desk = Desk(ledger_path).open()
    assert desk.writer.head[0] == 7
    desk.write(note())
    with desk.reader() as reader:
        assert reader.in_flight() == 1
        assert reader.breakers() == []
        assert [row.reserved_cost for row in reader.budgets() if row.key == "run:r1"] == [100]
    db = sqlite3.connect(ledger_path)
    assert db.execute("SELECT * FROM booked_at_bound").fetchall() == [("c1", 1, 3, 100, 100, None)]
    db.close()
    names = dict.fromkeys(("layer", "role", "provider", "model_id"))
    desk.write(settled("c1", cost=10, was=100, **names))
    with desk.reader() as reader:
        assert {row.key: row.spent_cost for row in reader.budgets()} == {"run:r1": 50}
    desk.writer.close()
    assert verify(ledger_path, figures=False).ok


@pytest.mark.parametrize("left", ["application id", "migrations table", "tables"])
def test_a_making_that_was_cut_short_goes_on(ledger_path: Path, left: str) -> None:
    """Whoever died while making a ledger left a file that the next one completes, and no reader misreads."""
    db = sqlite3.connect(ledger_path, isolation_level=None)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if left == "migrations table":
        MIGRATIONS.ensure_migrations_table(sqlite_utils.Database(db))
    elif left == "tables":
        MIGRATIONS.apply(sqlite_utils.Database(db))
    db.close()
    with pytest.raises(LedgerUnavailable) as caught:
        open_for_reading(ledger_path)
    assert caught.value.code == "ledger_empty"
    desk = Desk(ledger_path).open()
    desk.write(note())
    desk.writer.close()
    open_for_reading(ledger_path).close()
