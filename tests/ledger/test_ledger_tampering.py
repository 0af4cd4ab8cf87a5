"""Every attack on a signed ledger is found and named, or the result says that it could not be seen."""

import hashlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_attacks import cut, delete, insert, rewrite, rows_of, swap, tampering
from ledger_court import EVENTS, NOW, SIGNED, Court, new_key
from ledger_desk import Desk
from ledger_events import note

from peak_console.domain.events import GENESIS_PREV_HASH, header_hash
from peak_console.ledger.folds.rollups import rebuild
from peak_console.ledger.heads.notes import Checkpoint, SignedNote
from peak_console.ledger.verifying.verify import Plan, Sources, verify

Attack = Callable[[Court], object]


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """A signed ledger anchored in a folder outside."""
    return Court(tmp_path).fill()


@pytest.fixture
def git_court(tmp_path: Path) -> Court:
    """A signed ledger anchored in the repository around it."""
    return Court(tmp_path, git=True).fill()


def in_file(attack: Callable[[sqlite3.Connection], object]) -> Attack:
    """An attack on the database."""

    def done(court: Court) -> None:
        with tampering(court.path) as db:
            attack(db)

    return done


def forget(court: Court) -> None:
    """Take the anchor's heads away."""
    shutil.rmtree(court.folder / "state")


def resigned(court: Court, *sizes: int, key: Any = None) -> None:
    """Sign the heads of the events as they stand now, in the place of those that were there."""
    court.write_notes(*(court.head(size, key) for size in sizes))


def test_what_was_signed_and_anchored_verifies(court: Court) -> None:
    """Nothing is broken; the anchor agrees; what stays open is said."""
    result = court.verify()
    assert result.ok
    assert (result.checkpoints.count, result.checkpoints.size) == (2, SIGNED[-1])
    assert result.checkpoints.unsigned_events == EVENTS - SIGNED[-1]
    assert result.anchor_used == f"folder {court.anchors().anchors[0].place}"
    assert "events after 14" in result.cannot_know[0]
    assert "on this machine" in result.cannot_know[1]


@pytest.mark.parametrize("seq", [2, 8, 9, 14, 15, 18])
@pytest.mark.parametrize(
    ("how", "attack"),
    [
        ("edited_row", lambda db, seq: db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = ?", (seq,))),
        ("edited_body", lambda db, seq: db.execute("UPDATE body SET bytes = x'7b7d' WHERE seq = ?", (seq,))),
        ("deleted_body", lambda db, seq: db.execute("DELETE FROM body WHERE seq = ?", (seq,))),
        ("inserted_row", lambda db, seq: insert(db, seq, sound=True)),
    ],
)
def test_an_event_that_was_changed_is_named_wherever_it_stands(
    court: Court, how: str, attack: Callable[[sqlite3.Connection, int], object], seq: int
) -> None:
    """At borders of what is signed and in what is not, with its place."""
    with tampering(court.path) as db:
        attack(db, seq)
    result = court.verify()
    assert (result.ok, result.broken_seq, result.broken_how) == (False, seq, how)


@pytest.mark.parametrize("seq", [2, 8, 13, 16])
def test_an_event_that_was_taken_out_or_moved_is_named(tmp_path: Path, seq: int) -> None:
    """Whether the gap was closed or not."""
    attacks = [
        ("deleted_row", lambda db: delete(db, seq)),
        ("deleted_row", lambda db: delete(db, seq, renumbered=True)),
        ("swapped_rows", lambda db: swap(db, seq, seq + 1)),
    ]
    for number, (how, attack) in enumerate(attacks):
        court = Court(tmp_path / str(number)).fill()
        in_file(attack)(court)
        result = court.verify()
        assert (result.broken_seq, result.broken_how) == (seq, how)


@pytest.mark.parametrize("last", [15, 16, 17])
def test_the_unsigned_tail_can_be_cut_and_the_result_says_so(court: Court, last: int) -> None:
    """Nothing signed tells of it: that is what ``cannot_know`` is for."""
    in_file(lambda db: cut(db, last, figures=True))(court)
    result = court.verify()
    assert (result.ok, result.events) == (True, last)
    assert "cut off" in result.cannot_know[0]


def test_an_unsigned_tail_cut_without_its_figures_is_seen_in_them(court: Court) -> None:
    """Figures tell of more events than there are."""
    in_file(lambda db: cut(db, 16))(court)
    assert court.verify().broken_how == "wrong_rollup"


@pytest.mark.parametrize("last", [1, 5, 8, 13])
def test_a_signed_tail_that_was_cut_is_named(tmp_path: Path, last: int) -> None:
    """By its figures a cut is told from an older copy."""
    for figures, how in ((False, "truncated_tail"), (True, "rolled_back")):
        court = Court(tmp_path / how).fill()
        in_file(lambda db, figures=figures: cut(db, last, figures=figures))(court)  # type: ignore[misc]
        result = court.verify()
        assert (result.broken_how, result.broken_seq) == (how, last + 1)
        assert str(SIGNED[-1]) in result.detail


def test_every_event_gone_is_a_tail_that_was_cut(court: Court) -> None:
    """A ledger without events is not sound beside signed heads."""
    in_file(lambda db: cut(db, 0))(court)
    assert not court.verify().ok


@pytest.mark.parametrize("last", [5, 8, 13])
def test_cutting_the_tail_with_its_notes_leaves_the_anchor(court: Court, last: int) -> None:
    """The head outside still tells of what is gone; without it nobody could."""
    in_file(lambda db: cut(db, last, figures=True))(court)
    court.write_notes(*(court.head(size) for size in SIGNED if size <= last))
    result = court.verify()
    assert result.broken_how == "rolled_back"
    assert "folder" in result.detail
    forget(court)
    blind = court.verify(anchors=None)
    assert blind.ok
    assert any("outside the database" in one for one in blind.cannot_know)


@pytest.mark.parametrize("first", [2, 8, 9, 14])
def test_a_rewritten_chain_is_named_by_its_signed_heads(court: Court, first: int) -> None:
    """The chain holds and the figures fit; the roots do not."""
    in_file(lambda db: rewrite(db, first))(court)
    assert verify(court.path).ok
    result = court.verify()
    good = max((size for size in SIGNED if size < first), default=0)
    assert (result.broken_how, result.broken_seq) == ("rewritten_chain", good + 1)
    assert not result.anchors[0].ok


def test_rewriting_what_is_not_signed_is_said_to_be_open(court: Court) -> None:
    """Events after the last head may have been written anew."""
    in_file(lambda db: rewrite(db, 16))(court)
    result = court.verify()
    assert result.ok
    assert "changed with all that follow" in result.cannot_know[0]


def test_a_rewritten_chain_whose_later_notes_are_gone_is_caught_by_the_anchor(court: Court) -> None:
    """What the files lost the anchor still has."""
    in_file(lambda db: rewrite(db, 10))(court)
    court.write_notes(court.head(8))
    assert court.verify().broken_how == "rewritten_chain"
    assert court.verify(anchors=None).broken_how == "checkpoints_missing"


def test_signing_with_another_key_is_forgery(court: Court) -> None:
    """A head under the workspace's name that its key did not sign."""
    in_file(lambda db: rewrite(db, 3))(court)
    resigned(court, *SIGNED, key=new_key())
    for anchors in (court.anchors(), None):
        assert court.verify(anchors=anchors).broken_how == "checkpoint_forged"


def test_exchanging_the_public_key_as_well_is_seen(git_court: Court) -> None:
    """Events and the anchor still name the log under the true key."""
    court, other = git_court, new_key()
    true_key, origin = court.key, court.origin
    in_file(lambda db: rewrite(db, 16))(court)
    court.key = other
    del court.__dict__["origin"]
    resigned(court, *SIGNED)
    assert court.verify(anchors=None).broken_how == "checkpoint_forged"
    result = court.verify()
    assert result.broken_how == "checkpoint_forged"
    assert origin in result.detail
    court.key = true_key


def test_the_stolen_key_is_caught_by_the_anchor_alone(court: Court, tmp_path: Path) -> None:
    """Heads signed anew are true signatures; a head kept elsewhere says otherwise."""
    kept = tmp_path / "kept.note"
    kept.write_text(str(court.head(SIGNED[-1])), encoding="utf-8")
    in_file(lambda db: rewrite(db, 3))(court)
    resigned(court, *SIGNED)
    assert court.verify().broken_how == "rewritten_chain"
    assert court.verify(anchors=None).broken_how == "checkpoints_missing", "events tell of other roots"
    forget(court)
    assert court.verify(anchors=None, witness=kept).broken_how == "rewritten_chain"


def test_without_a_witness_the_stolen_key_leaves_no_trace_and_that_is_said(court: Court) -> None:
    """Who rewrites events, records, notes and anchor with the key is seen by nobody here."""
    with tampering(court.path) as db:
        cut(db, 8, figures=True)
        rewrite(db, 3)
    resigned(court, 8)
    forget(court)
    result = court.verify(key_here=True)
    assert result.ok
    assert result.anchor_used == ""
    blind = court.verify(anchors=None, key_here=True)
    assert blind.ok
    assert any("key that signs lies on this machine" in one for one in blind.cannot_know)


@pytest.mark.parametrize("last", [5, 10])
def test_an_older_copy_is_named_with_and_without_its_notes(court: Court, tmp_path: Path, last: int) -> None:
    """Everything in the file fits; heads that were signed since do not."""
    older = Court(tmp_path / "older").fill()
    older.key = court.key
    copied = tmp_path / "copy.db"
    shutil.copy(court.path, copied)
    with tampering(copied) as db:
        cut(db, last, figures=True)
    shutil.copy(copied, court.path)
    assert court.verify().broken_how == "rolled_back"
    assert court.verify(anchors=None).broken_how == "rolled_back"
    court.write_notes(*(court.head(size) for size in SIGNED if size <= last))
    assert court.verify().broken_how == "rolled_back", "the anchor"
    assert verify(copied, sources=Sources(key=court.key.public, notes=court.files.folder, own=False)).ok


@pytest.mark.parametrize(
    "change",
    ["UPDATE rollup SET calls = calls + 1 WHERE width_s = 60", "DELETE FROM denial_rollup"],
)
def test_a_wrong_figure_is_named_after_the_heads(court: Court, change: str) -> None:
    """The chain and the heads hold; what is shown of them does not."""
    in_file(lambda db: db.execute(change))(court)
    result = court.verify()
    assert (result.broken_how, result.events) == ("wrong_rollup", EVENTS)


def test_a_copy_without_its_log_is_an_older_copy(court: Court, tmp_path: Path) -> None:
    """What stood in the write-ahead log is not in the file; heads tell of it."""
    desk = Desk(court.path).open()
    before = court.path.read_bytes()
    desk.write(*(note(str(number)) for number in range(5)))
    court.sign(desk)
    alone = tmp_path / "alone.db"
    alone.write_bytes(before)
    assert court.verify().ok, "with the log beside it"
    desk.writer.close()
    shutil.copy(alone, court.path)
    result = court.verify()
    assert (result.broken_how, result.events) == ("rolled_back", EVENTS)


def test_a_log_left_behind_is_part_of_the_ledger(court: Court, tmp_path: Path) -> None:
    """As a killed node leaves it: file and log together verify."""
    desk = Desk(court.path).open()
    desk.write(note("z"))
    court.sign(desk)
    copy = tmp_path / "copied"
    shutil.copytree(court.root, copy)
    desk.writer.close()
    result = verify(copy / "ledger.db", sources=Sources(key=court.key.public, notes=court.files.folder))
    assert (result.ok, result.events) == (True, EVENTS + 2)
    assert result.checkpoints.size == EVENTS + 1


# -- the notes themselves


@pytest.mark.parametrize("gone", [0, 1])
def test_a_note_that_was_taken_away_is_missing(court: Court, gone: int) -> None:
    """The ledger's own records tell of it, and so may the anchor."""
    kept = [court.head(size) for size in SIGNED]
    del kept[gone]
    court.write_notes(*kept)
    assert court.verify().broken_how == "checkpoints_missing"


def test_no_notes_at_all_are_missing(court: Court) -> None:
    """The whole folder is gone."""
    shutil.rmtree(court.files.folder)
    assert court.verify().broken_how == "checkpoints_missing"


def test_a_break_does_not_hide_the_anchors(court: Court) -> None:
    """Each is shown with what it holds: not compared where the break comes first."""
    in_file(lambda db: cut(db, 8, figures=True))(court)
    with court.path.open("r+b") as file:  # the schema stands, nothing else
        file.seek(4096 * 3)
        file.write(bytes(4096 * 20))
    result = court.verify()
    assert not result.ok
    assert [(one.kind, one.size, one.ok) for one in result.anchors] == [("folder", SIGNED[-1], False)]
    assert "not compared" in result.anchors[0].problem
    assert result.anchor_used == ""


def test_an_anchor_that_was_emptied_is_missing(court: Court) -> None:
    """The ledger says that it was given heads."""
    forget(court)
    result = court.verify()
    assert result.broken_how == "checkpoints_missing"
    assert "was given" in result.detail


def test_duplicated_and_disordered_notes_say_nothing_new(court: Court) -> None:
    """A head is true wherever it stands, how often ever."""
    first, second = (court.head(size) for size in SIGNED)
    court.write_notes(second, first, first, second)
    result = court.verify()
    assert (result.ok, result.checkpoints.count) == (True, 4)


def test_a_second_root_of_one_size_is_seen(court: Court) -> None:
    """Two signed heads that contradict each other: one of them is not of these events."""
    other = Checkpoint(court.origin, 8, b"\x07" * 32).signed(court.key)
    court.write_notes(court.head(8), other, court.head(14))
    assert court.verify().broken_how == "rewritten_chain"


def test_a_head_beyond_the_end_is_seen_even_where_it_lies_alone(court: Court) -> None:
    """A size that the ledger never reached."""
    court.files.append(Checkpoint(court.origin, 99, b"\x07" * 32).signed(court.key), NOW)
    assert court.verify().broken_how == "rolled_back"


FORGED: list[tuple[str, Callable[[Court, SignedNote], str]]] = [
    ("another root", lambda court, one: str(SignedNote(one.text.replace("\n8\n", "\n7\n"), one.signatures))),
    ("no signature line", lambda court, one: one.text + "\n\u2014 x AAAAAAAA\n"),
    (
        "a key id of ours, another signature",
        lambda court, one: str(
            SignedNote(one.text, ((one.signatures[0][0], one.signatures[0][1], b"\x01" * 64),))
        ),
    ),
    ("garbage", lambda court, one: "garbage\n\n\u2014 y !!!!\n"),
    ("no checkpoint", lambda court, one: "hello\n\n\u2014 y AAAAAAAAAAAA\n"),
    ("bytes", lambda court, one: "\x00\x01\x02\n\n\u2014 y AAAAAAAAAAAA\n"),
]


@pytest.mark.parametrize("made", [one[1] for one in FORGED], ids=[one[0] for one in FORGED])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_the_key_did_not_sign_is_forged(
    court: Court, made: Callable[[Court, SignedNote], str], place: int
) -> None:
    """Wherever in the file it was put."""
    texts = [str(court.head(size)) for size in SIGNED]
    texts.insert(place, made(court, court.head(8)))
    court.notes_file.write_text("".join(texts), encoding="utf-8")
    assert court.verify().broken_how == "checkpoint_forged"


def test_a_torn_note_at_the_end_is_told_and_no_break(court: Court) -> None:
    """A death while writing leaves it."""
    with court.notes_file.open("a", encoding="utf-8") as file:
        file.write(str(court.head(EVENTS))[:40])
    result = court.verify()
    assert result.ok
    assert "part of a head" in result.checkpoints.problem


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 4])
def test_a_note_torn_between_two_lines_is_no_break(court: Court, lines: int) -> None:
    """A death may leave whole lines of a head, too."""
    with court.notes_file.open("a", encoding="utf-8") as file:
        file.write("".join(str(court.head(EVENTS)).splitlines(keepends=True)[:lines]))
    assert court.verify().ok


@pytest.mark.parametrize("junk", ["junk\n", "peak-console/0/1\n12\n", "\n", "\u2014 x\n"])
def test_whole_lines_that_are_no_note_are_forged(court: Court, junk: str) -> None:
    """At the very end as well: no death leaves them."""
    with court.notes_file.open("a", encoding="utf-8") as file:
        file.write(junk)
    assert court.verify().broken_how == "checkpoint_forged"


def test_a_part_of_a_note_in_an_older_file_is_forged(court: Court) -> None:
    """A death tears the newest file alone."""
    with court.notes_file.open("a", encoding="utf-8") as file:
        file.write(str(court.head(EVENTS))[:40])
    (court.notes_file.parent / "9999-01-01.notes").write_text(str(court.head(EVENTS)), encoding="utf-8")
    assert court.verify().broken_how == "checkpoint_forged"


def test_heads_of_another_log_are_foreign(court: Court) -> None:
    """Signed with the same key, of a genesis that this one does not go on after."""
    other = Checkpoint(court.origin.rpartition("/")[0] + "/" + "0" * 16, 5, b"\x05" * 32)
    court.files.append(other.signed(court.key), NOW)
    result = court.verify()
    assert result.broken_how == "foreign_genesis"
    assert other.origin in result.detail


def test_heads_of_another_key_are_foreign(court: Court) -> None:
    """Another workspace's, put among ours."""
    key = new_key()
    court.files.append(
        Checkpoint("peak-console/0123456789abcdef/" + "0" * 16, 5, b"\x05" * 32).signed(key), NOW
    )
    assert court.verify().broken_how == "foreign_genesis"


def test_a_genesis_written_anew_is_foreign_to_its_heads(court: Court) -> None:
    """A whole new chain beside the heads of the old one: by its own record of them, and without that."""
    in_file(lambda db: rewrite(db, 1))(court)
    assert court.verify().broken_how == "checkpoint_forged"
    with tampering(court.path) as db:
        cut(db, 7, figures=True)
    assert court.verify().broken_how == "foreign_genesis"


@pytest.mark.parametrize("word", ["{}", '{"origins": ["x"]}', '"yes"', "1"])
def test_a_genesis_that_says_recovered_is_foreign_all_the_same(court: Court, word: str) -> None:
    """One word turns no rewritten chain green: not where an operator is believed by whoever asks, either."""
    with tampering(court.path) as db:
        body = f'{{"recovered":{word}}}'.encode()
        db.execute("UPDATE body SET bytes = ? WHERE seq = 1", (body,))
        db.execute("UPDATE ledger SET body_sha256 = ? WHERE seq = 1", (hashlib.sha256(body).hexdigest(),))
        db.execute("UPDATE ledger SET kind = 'run.noted' WHERE kind = 'ledger.checkpointed'")
        rewrite(db, 1)
    for proved in (None, lambda _: True):
        result = court.verify(proved=proved)
        assert (result.ok, result.broken_how) == (False, "foreign_genesis")


def test_a_head_that_a_copy_signed_is_told_so(court: Court) -> None:
    """Copies of a workspace share its key, so its folder in the user's state."""
    ahead = Checkpoint(court.origin, 40, b"\x05" * 32).signed(court.key)
    court.anchors().anchors[0].keep(ahead, NOW)
    result = court.verify()
    assert result.broken_how == "rolled_back"
    assert "a copy of this workspace" in result.detail


def test_a_file_of_notes_that_is_a_link_or_a_pipe_is_not_followed(court: Court, tmp_path: Path) -> None:
    """It is told, at once."""
    text = court.notes_file
    moved = tmp_path / "moved"
    text.rename(moved)
    text.symlink_to(moved)
    assert court.verify().broken_how == "unreadable"
    text.unlink()
    subprocess.run(["mkfifo", str(text)], check=True)
    assert court.verify().broken_how == "unreadable"


def test_a_huge_file_of_nothing_ends_the_reading(court: Court) -> None:
    """Ten gigabytes without a note cost no memory and no time."""
    with court.notes_file.open("ab") as file:
        file.truncate(10 * 2**30)
    assert court.verify().broken_how == "checkpoint_forged"


def test_without_the_public_key_no_head_counts(court: Court) -> None:
    """Who takes the key away does not get a clean bill."""
    assert court.verify(key=None, anchors=None).broken_how == "checkpoint_forged"


def test_every_signature_is_checked_in_batches_and_apart(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged one among many is found, by other processes too."""
    monkeypatch.setattr("peak_console.ledger.verifying.notes.BATCH_BYTES", 300)
    good = [court.head(8)] * 6 + [court.head(14)]
    court.write_notes(*good)
    plan = Plan(workers=2, level=2, piece_blocks=1)
    result = court.verify(plan=plan)
    assert (result.ok, result.workers, result.checkpoints.count) == (True, 2, 7)
    forged = SignedNote(good[0].text, ((*good[0].signatures[0][:2], b"\x01" * 64),))
    court.write_notes(*good[:5], forged, *good[5:])
    assert court.verify().broken_how == "checkpoint_forged"
    assert court.verify(plan=plan).broken_how == "checkpoint_forged"


# -- at random

_TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["eve", '"', "\\", "L2", '","layer":"']))
_SEQ = st.integers(1, EVENTS)
_OPERATIONS = st.one_of(
    st.tuples(
        st.just("text"), _SEQ, st.sampled_from(["kind", "actor", "event_id", "ts", "run_id", "role"]), _TEXTS
    ),
    st.tuples(st.just("number"), _SEQ, st.just("boot_us"), st.integers(0, 2**40)),
    st.tuples(st.just("body"), _SEQ, st.just(""), st.binary(max_size=12)),
    st.tuples(st.just("delete"), _SEQ, st.booleans(), st.none()),
    st.tuples(st.just("swap"), _SEQ, _SEQ, st.none()),
    st.tuples(st.just("insert"), st.integers(2, EVENTS), st.booleans(), st.none()),
    st.tuples(st.just("cut"), st.integers(0, EVENTS), st.booleans(), st.none()),
    st.tuples(st.just("rewrite"), _SEQ, st.sampled_from(["ada", "eve"]), st.none()),
    st.tuples(st.just("figure"), st.integers(0, 3), st.sampled_from([60, 600, 3600, 86400, 0]), st.none()),
)
_FIGURES = ("rollup", "critic_rollup", "error_rollup", "denial_rollup", "rollup_open")


def perform(db: sqlite3.Connection, operation: tuple[str, Any, Any, Any]) -> None:
    """One random change; one that SQLite does not take is none."""
    what, seq, detail, value = operation
    if what in {"text", "number"}:
        db.execute(f"UPDATE OR IGNORE ledger SET {detail} = ? WHERE seq = ?", (value, seq))  # noqa: S608
    elif what == "body":
        db.execute("UPDATE body SET bytes = ? WHERE seq = ?", (value, seq))
    elif what == "delete":
        delete(db, seq, renumbered=detail)
    elif what == "swap":
        swap(db, seq, detail)
    elif what == "insert":
        there = db.execute("SELECT 1 FROM ledger WHERE event_id = 'ev_put_in'").fetchone()
        if there is None and db.execute("SELECT 1 FROM ledger WHERE seq = ?", (seq - 1,)).fetchone():
            insert(db, seq, sound=detail)
    elif what == "cut":
        cut(db, seq)
        db.execute("DELETE FROM provider_breaker")
    elif what == "rewrite":
        db.execute("UPDATE ledger SET actor = ? WHERE seq = ?", (detail, seq))
        rechain(db, seq)
    else:
        table = _FIGURES[seq]
        column = "calls" if table == "rollup" else "count"
        db.execute(f"UPDATE {table} SET {column} = {column} + 1 WHERE width_s = ?", (detail,))  # noqa: S608


def rechain(db: sqlite3.Connection, first: int) -> None:
    """Links and hashes of all events from ``first`` on, made to fit."""
    previous = GENESIS_PREV_HASH
    for header in rows_of(db):
        if header["seq"] >= first:
            header["prev_hash"], header["hash"] = previous, ""
            header["hash"] = header_hash(header)
            db.execute(
                "UPDATE ledger SET prev_hash = ?, hash = ? WHERE seq = ?",
                (previous, header["hash"], header["seq"]),
            )
        previous = header["hash"]


def state_of(db: sqlite3.Connection) -> list[Any]:
    """All that a ledger says: events, bodies, figures."""
    events = [db.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall() for table in ("ledger", "body")]  # noqa: S608
    return events + [sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in _FIGURES]  # noqa: S608


class Template:
    """A signed ledger to tamper with, again and again."""

    def __init__(self, folder: Path) -> None:
        self.court = Court(folder, anchored=False).fill()
        self._data = self.court.path.read_bytes()

    def restore(self) -> Court:
        """The ledger as it was."""
        for suffix in ("-wal", "-shm"):
            self.court.path.with_name(self.court.path.name + suffix).unlink(missing_ok=True)
        self.court.path.write_bytes(self._data)
        return self.court


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """One for all examples."""
    return Template(tmp_path_factory.mktemp("court"))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=st.lists(_OPERATIONS, min_size=1, max_size=3), refigured=st.booleans())
def test_no_random_change_goes_unseen(
    template: Template, operations: list[tuple[str, Any, Any, Any]], *, refigured: bool
) -> None:
    """Found, or nothing was changed, or only what no signed head covers, as a sound chain with figures."""
    court = template.restore()
    with tampering(court.path) as db:
        db.execute("PRAGMA synchronous = OFF")
        before = state_of(db)
        for operation in operations:
            perform(db, operation)
        if refigured:
            try:
                rebuild(db)
            except Exception:  # noqa: BLE001 - figures of nonsense cannot be made
                refigured = False
        after = state_of(db)
    result = court.verify()
    if before == after:
        assert result.ok, (result, operations)
    elif result.ok:
        assert before[0][: SIGNED[-1]] == after[0][: SIGNED[-1]], operations
        assert before[1][: SIGNED[-1]] == after[1][: SIGNED[-1]], operations
        assert {one[0] for one in operations} & {"cut", "rewrite", "delete"}, operations
        assert "after 14" in result.cannot_know[0]
    else:
        assert result.broken_how
        assert result.detail
