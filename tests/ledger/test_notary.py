"""The notary: signs when it is due, goes on where it stopped, and contradicts no earlier head."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from signed_desk import SignedDesk, drafts
from test_notes import OTHER, SIGNER
from tree_vectors import entries_of

from peak_console.config.ledger import CheckpointRules
from peak_console.control.keys import KeyUnusable
from peak_console.domain.events import EventDraft
from peak_console.ledger.heads.anchor_heads import AnchorFailed, AnchorHead
from peak_console.ledger.heads.merkle import collect
from peak_console.ledger.heads.notary_rules import Unsigned, anchor_due, due, is_urgent
from peak_console.ledger.heads.notes import Checkpoint, SignedNote
from peak_console.ledger.heads.proving import entries
from peak_console.ledger.heads.tree_file import BLOCK, GrowingTree, TreeState, TreeUnusable


@dataclass
class Memory:
    """An anchor that keeps notes in memory, or fails when told to."""

    kind: str = "folder"
    place: str = "memory"
    kept: list[SignedNote] = field(default_factory=list)
    failing: bool = False

    def keep(self, note: SignedNote, now: datetime) -> None:
        """Keep one."""
        del now
        if self.failing:
            raise AnchorFailed("the anchor is full", remedy="make room")
        self.kept.append(note)

    def newest(self) -> AnchorHead:
        """The last one."""
        if not self.kept:
            return AnchorHead()
        return AnchorHead(self.kept[-1], Checkpoint.of_text(self.kept[-1].text))

    def sizes(self) -> list[int]:
        """What it was given."""
        return [Checkpoint.of_text(note.text).size for note in self.kept]


@pytest.fixture
def signed(desk: Desk, tmp_path: Path) -> SignedDesk:
    """A ledger with its genesis, and nothing signed."""
    return SignedDesk(desk, tmp_path)


def tamper(path: Path, *statements: str) -> None:
    """Change the file as one who may write it can, triggers or not."""
    db = sqlite3.connect(path)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


# -- rules


@pytest.mark.parametrize(
    "kind",
    [
        "control.enabled",
        "control.stopped",
        "phase.changed",
        "operator.enrolled",
        "lock.changed",
        "breaker.reset",
        "ledger.pruned",
        "ledger.recovered",
        "node.stopped",
        "order.submitted",
    ],
)
def test_what_people_decide_is_signed_at_once(kind: str) -> None:
    """Whatever the rules say and however little time has passed."""
    assert due(Unsigned().after(kind, {}), CheckpointRules(), 0.0) == "urgent"


def test_everything_else_waits_for_number_or_time() -> None:
    """A thousand events or a minute, whichever comes first; nothing at all when nothing came."""
    rules = CheckpointRules(every_events=3, every_s=60)
    unsigned = Unsigned()
    assert due(unsigned, rules, 10_000.0, asked=True) == ""
    unsigned = unsigned.after("llm.call.requested", None)
    assert due(unsigned, rules, 59.9) == ""
    assert due(unsigned, rules, 60.0) == "time"
    assert due(unsigned, rules, 0.0, asked=True) == "asked"
    assert due(unsigned.after("run.started", None).after("run.finished", None), rules, 0.0) == "events"
    assert unsigned.after("ledger.checkpointed", None).events == unsigned.events


def test_a_record_of_a_checkpoint_alone_is_signed_when_somebody_asks() -> None:
    """A proof of it can be had then; neither time nor an end is reason enough, so none follows the other."""
    rules = CheckpointRules(every_events=1, every_s=1)
    unsigned = Unsigned().after("ledger.checkpointed", None)
    assert due(unsigned, rules, 10_000.0) == ""
    assert due(unsigned, rules, 10_000.0, asked=True) == ""
    assert due(unsigned, rules, 0.0, asked=True, named=True) == "asked"
    assert due(Unsigned(), rules, 10_000.0, asked=True, named=True) == ""


def test_orders_on_paper_can_wait() -> None:
    """Only what is known to be harmless is: a venue that is not named counts as live."""
    assert not is_urgent("order.filled", {"venue_kind": "paper"})
    assert not is_urgent("order.filled", {"venue_kind": "testnet"})
    assert is_urgent("order.filled", {"venue_kind": "live"})
    assert is_urgent("order.filled", None)


def test_git_is_paced_and_a_folder_is_not() -> None:
    """A commit for what is urgent, asked for or last; else one in its time."""
    assert anchor_due("folder", "", 0.0, 300)
    assert not anchor_due("git", "events", 299.0, 300)
    assert anchor_due("git", "events", 300.0, 300)
    assert all(anchor_due("git", why, 0.0, 300) for why in ("urgent", "asked", "end"))


# -- the tree that is remembered


@settings(max_examples=15)
@given(st.integers(1, 3 * BLOCK + 5))
def test_a_remembered_tree_goes_on(size: int) -> None:
    """What is read back, with the entries after its block, is the tree that was written."""
    leaves = entries_of(size)
    tree = GrowingTree()
    tree.extend(leaves)
    assert tree.root() == collect(leaves).frontier.root()
    assert tree.block.size == (size - 1) // BLOCK * BLOCK
    again = GrowingTree.from_block(tree.block)
    again.extend(leaves[tree.block.size :])
    assert (again.root(), again.block) == (tree.root(), tree.block)


def test_a_tree_file_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    """Torn, of another form, or with figures that do not fit: the tree is made anew."""
    tree = GrowingTree()
    tree.extend(entries_of(BLOCK + 3))
    path = tmp_path / "tree.json"
    TreeState.of(tree, "now").write(path)
    good = path.read_text(encoding="ascii")
    assert TreeState.read(path) == TreeState.of(tree, "now")
    fields = json.loads(good)
    wrong = [
        {**fields, "size": BLOCK},
        {**fields, "size": 3 * BLOCK},
        {**fields, "size": True},
        {**fields, "block": 1},
        {**fields, "frontier": []},
        {**fields, "root": "00"},
        {**fields, "root": "zz" * 32},
        {**fields, "at": 1},
        [],
        None,
    ]
    for text in (good[:40], "", "[" * 10_000, *map(json.dumps, wrong)):
        path.write_text(text, encoding="ascii")
        with pytest.raises(TreeUnusable):
            TreeState.read(path)


# -- signing


def test_it_signs_what_it_finds_and_then_by_number_and_time(signed: SignedDesk) -> None:
    """At its beginning at once; then after as many events or seconds as the rules say."""
    signed.rules = CheckpointRules(every_events=5, every_s=60)
    notary = signed.notary()
    signed.settle(notary)
    assert signed.signed() == [1]
    signed.desk.write(*drafts(4))
    signed.settle(notary)
    assert signed.signed() == [1]
    signed.desk.write(*drafts(1))
    signed.settle(notary)
    assert signed.signed() == [1, 6]
    signed.desk.write(*drafts(1))
    signed.clock.advance(60)
    signed.settle(notary)
    signed.clock.advance(600)
    signed.settle(notary)
    assert signed.signed() == [1, 6, 7]
    notary.close()


def test_what_is_signed_is_the_tree_of_the_stored_hashes(signed: SignedDesk) -> None:
    """Every head, over several portions of events, has the root of the stored hashes and its key's name."""
    notary = signed.notary()
    for count in (1, 30, 2500):
        signed.desk.write(*drafts(count))
        signed.settle(notary, asked=True)
    notary.close()
    for head in signed.heads():
        assert head.root == collect(entries(signed.desk.path, head.size)).frontier.root()
        assert head.origin == signed.key().name
    assert all(one.note.signed_by(signed.key()) for one in signed.files.all() if one.note)
    said = signed.told("checkpoint")
    assert [one["size"] for one in said] == signed.signed()
    with signed.desk.reader() as reader:
        assert [reader.by_seq(one["size"]).hash for one in said] == [one["head"] for one in said]  # type: ignore[union-attr]


def test_records_of_checkpoints_alone_are_signed_for_who_asks(signed: SignedDesk) -> None:
    """Else every signature would be followed by another; whoever asks has everything covered."""
    notary = signed.notary()
    signed.settle(notary)
    signed.desk.write(*drafts(3, "ledger.checkpointed"))
    signed.clock.advance(600)
    signed.settle(notary)
    signed.settle(notary, ending=True)
    assert signed.signed() == [1]
    signed.settle(notary, asked=True)
    signed.settle(notary, asked=True)
    assert signed.signed() == [1, 4]
    notary.close()


def test_the_next_notary_goes_on_and_signs_nothing_twice(signed: SignedDesk) -> None:
    """From the remembered tree; it says the last head again while the ledger has no record of it."""
    signed.desk.write(*drafts(10))
    first = signed.notary()
    signed.settle(first)
    first.close()
    signed.said.clear()
    second = signed.notary()
    signed.settle(second)
    assert signed.signed() == [11]
    assert [one["size"] for one in signed.told("checkpoint")] == [11]
    body = signed.told("checkpoint")[0]
    signed.desk.write(EventDraft("ev_checkpoint", "ledger.checkpointed", body))
    second.close()
    signed.said.clear()
    third = signed.notary()
    signed.settle(third)
    assert signed.told("checkpoint") == []
    signed.desk.write(*drafts(1))
    signed.settle(third, asked=True)
    assert signed.signed() == [11, 13]
    third.close()


@pytest.mark.parametrize("state", ["gone", "older", "torn", "foreign"])
def test_without_its_memory_it_makes_the_tree_anew(signed: SignedDesk, state: str) -> None:
    """Whatever became of tree.json, the heads that follow are those of the stored hashes."""
    signed.desk.write(*drafts(5))
    notary = signed.notary()
    signed.settle(notary)
    older = signed.tree.read_bytes()
    signed.desk.write(*drafts(BLOCK // 16))
    signed.settle(notary, asked=True)
    notary.close()
    if state == "gone":
        signed.tree.unlink()
    elif state == "older":
        signed.tree.write_bytes(older)
    elif state == "torn":
        signed.tree.write_bytes(older[:30])
    else:
        tree = GrowingTree()
        tree.extend(entries_of(6))
        TreeState.of(tree, "now").write(signed.tree)
    signed.desk.write(*drafts(3))
    again = signed.notary()
    signed.settle(again)
    again.close()
    assert len(signed.signed()) == 3
    assert signed.heads()[-1].root == collect(entries(signed.desk.path, signed.signed()[-1])).frontier.root()
    assert signed.told("inconsistent") == []


def test_a_death_between_signing_and_remembering_signs_nothing_twice(signed: SignedDesk) -> None:
    """The note was kept and nothing else: the next notary knows it, says it, and goes on behind it."""
    notary = signed.notary()
    signed.settle(notary)
    before = signed.tree.read_bytes()
    signed.desk.write(*drafts(4))
    signed.settle(notary, asked=True)
    notary.close()
    signed.tree.write_bytes(before)
    signed.said.clear()
    again = signed.notary()
    signed.settle(again)
    again.close()
    assert signed.signed() == [1, 5]
    assert [one["size"] for one in signed.told("checkpoint")] == [5]


# -- never


def broken(signed: SignedDesk) -> str:
    """A notary that begins now signs nothing; why."""
    before = signed.signed()
    notary = signed.notary()
    signed.settle(notary, asked=True)
    signed.settle(notary, ending=True)
    notary.close()
    assert signed.signed() == before
    (how,) = signed.told("inconsistent")
    assert notary.status()["state"] == "broken"
    assert notary.status()["remedy"]
    return str(how)


def sign_ten(signed: SignedDesk) -> None:
    """Ten events, signed."""
    signed.desk.write(*drafts(9))
    notary = signed.notary()
    signed.settle(notary)
    notary.close()


def test_an_older_copy_is_not_signed(signed: SignedDesk, tmp_path: Path) -> None:
    """The file of yesterday, in the place of today's."""
    signed.desk.write(*drafts(4))
    signed.desk.writer.checkpoint()
    copyfile(signed.desk.path, tmp_path / "older.db")
    sign_ten(signed)
    signed.desk.writer.close()
    (tmp_path / "older.db").replace(signed.desk.path)
    assert "rolled_back" in broken(signed)
    signed.desk.open()


def test_an_older_copy_that_went_on_is_not_signed(signed: SignedDesk, tmp_path: Path) -> None:
    """It has as many events, but others: the signed root is not its root."""
    signed.desk.write(*drafts(4))
    signed.desk.writer.checkpoint()
    copyfile(signed.desk.path, tmp_path / "older.db")
    sign_ten(signed)
    signed.desk.writer.close()
    (tmp_path / "older.db").replace(signed.desk.path)
    signed.desk.open()
    signed.desk.write(*drafts(20))
    assert "rewritten_chain" in broken(signed)


@pytest.mark.parametrize(
    ("how", "statement"),
    [
        ("edited_row", "UPDATE ledger SET actor = 'eve' WHERE seq = 15"),
        ("edited_body", "UPDATE body SET bytes = CAST('{}' AS BLOB) WHERE seq = 15"),
        ("deleted_body", "DELETE FROM body WHERE seq = 15"),
        ("deleted_row", "DELETE FROM ledger WHERE seq = 15"),
    ],
)
def test_what_does_not_follow_is_not_signed(signed: SignedDesk, how: str, statement: str) -> None:
    """Events after the last signed one are held against each other, header, body and link."""
    sign_ten(signed)
    signed.desk.write(*drafts(10))
    tamper(signed.desk.path, statement)
    assert how in broken(signed)


def test_an_edit_within_what_was_signed_is_not_signed_again(signed: SignedDesk) -> None:
    """The hashes of the last block must still give the signed root."""
    sign_ten(signed)
    tamper(signed.desk.path, "UPDATE ledger SET hash = prev_hash WHERE seq = 4")
    signed.desk.write(*drafts(1))
    assert "rewritten_chain" in broken(signed)


def test_a_tail_cut_under_a_running_notary_is_seen(signed: SignedDesk) -> None:
    """The event it stood at is gone: told at once, signed no more."""
    signed.desk.write(*drafts(9))
    notary = signed.notary()
    signed.settle(notary)
    tamper(signed.desk.path, "DELETE FROM body WHERE seq > 6", "DELETE FROM ledger WHERE seq > 6")
    signed.settle(notary)
    assert "truncated_tail" in signed.told("inconsistent")[0]
    assert signed.signed() == [10]
    notary.close()


def test_another_file_under_a_running_notary_is_seen(signed: SignedDesk, tmp_path: Path) -> None:
    """Even a true copy: the node writes into the file that was there before."""
    signed.desk.write(*drafts(9))
    notary = signed.notary()
    signed.settle(notary)
    signed.desk.writer.checkpoint()
    copyfile(signed.desk.path, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(signed.desk.path)
    signed.settle(notary)
    assert "another file" in signed.told("inconsistent")[0]
    notary.close()


def test_a_new_ledger_under_old_heads_is_not_signed(signed: SignedDesk, tmp_path: Path) -> None:
    """Its genesis is another: only one that says what it recovers may begin anew."""
    sign_ten(signed)
    other = Desk(tmp_path / "other.db")
    other.clock.advance(5)
    other.open()
    found = SignedDesk(other, tmp_path)
    assert "foreign_genesis" in broken(found)
    other.writer.close()


def test_a_head_that_only_an_anchor_knows_binds(signed: SignedDesk) -> None:
    """Files and memory thrown away with the tail: the anchor still holds the later head."""
    anchor = Memory()
    signed.anchors = [anchor]
    sign_ten(signed)
    assert anchor.sizes() == [10]
    for path in signed.files.files():
        path.unlink()
    signed.tree.unlink()
    tamper(signed.desk.path, "DELETE FROM body WHERE seq > 6", "DELETE FROM ledger WHERE seq > 6")
    assert "rolled_back" in broken(signed)


def test_notes_of_another_key_bind_nothing(signed: SignedDesk) -> None:
    """Whoever can write the folder cannot stop the notary with a note of his own."""
    sign_ten(signed)
    forged = Checkpoint(signed.key().name, 5000, bytes(32)).signed(OTHER)
    signed.files.append(forged, signed.clock.now())
    signed.desk.write(*drafts(1))
    notary = signed.notary()
    signed.settle(notary)
    notary.close()
    assert signed.told("inconsistent") == []
    assert signed.signed() == [10, 5000, 11]


def test_a_head_that_somebody_else_signed_meanwhile_is_minded(signed: SignedDesk) -> None:
    """Two notaries, one after the other in the same second: the first looks again before it signs."""
    notary = signed.notary()
    signed.settle(notary)
    signed.desk.write(*drafts(3))
    other = signed.notary()
    signed.settle(other)
    other.close()
    signed.settle(notary, asked=True)
    assert signed.signed() == [1, 4]
    wrong = Checkpoint(signed.key().name, 3, bytes(32)).signed(SIGNER)
    signed.files.append(wrong, signed.clock.now())
    signed.desk.write(*drafts(3))
    signed.settle(notary, asked=True)
    assert "rewritten_chain" in signed.told("inconsistent")[0]
    notary.close()


# -- what is missing is told


def test_a_missing_key_is_told_and_signing_goes_on_when_it_is_back(signed: SignedDesk) -> None:
    """No crash, no signature; the reason stands in the status from the beginning until it is mended."""
    signed.key_problem = KeyUnusable("the key is missing", remedy="restore it")
    notary = signed.notary()
    signed.settle(notary)
    assert notary.status()["problem"] == "the key is missing"
    assert notary.status()["remedy"] == "restore it"
    assert signed.signed() == []
    signed.key_problem = None
    signed.clock.advance(70)
    signed.settle(notary)
    assert notary.status()["problem"] == ""
    assert signed.signed() == [1]
    notary.close()


def test_a_missing_public_key_or_another_ones_private_half_is_told(signed: SignedDesk) -> None:
    """Both would sign a log that nobody can name."""
    signed.no_public = True
    notary = signed.notary()
    signed.settle(notary)
    assert notary.status()["code"] == "notary_key_missing"
    signed.no_public = False
    right, signed.signer = signed.signer, OTHER
    key = signed.key()
    signed.signer = right
    assert key != signed.key()
    notary.close()


def test_a_full_disk_is_told_and_the_head_signed_later(signed: SignedDesk) -> None:
    """Checkpoints that cannot be written keep the notary from nothing else."""
    (signed.folder / "checkpoints").write_text("in the way", encoding="utf-8")
    notary = signed.notary()
    signed.settle(notary)
    assert notary.status()["code"] == "checkpoints_unwritable"
    (signed.folder / "checkpoints").unlink()
    signed.clock.advance(70)
    signed.settle(notary)
    assert signed.signed() == [1]
    assert notary.status()["problem"] == ""
    notary.close()


def test_a_failing_anchor_stops_no_signature_and_gets_the_head_later(signed: SignedDesk) -> None:
    """Its problem is told beside it; when it can again, it is given the newest head."""
    good, bad = Memory(place="good"), Memory(place="bad", failing=True)
    signed.anchors = [good, bad]
    notary = signed.notary()
    signed.settle(notary)
    assert (signed.signed(), good.sizes(), bad.sizes()) == ([1], [1], [])
    told = {one["place"]: one["problem"] for one in notary.status()["anchors"]}
    assert told == {"good": "", "bad": "the anchor is full"}
    assert [one["place"] for one in signed.told("checkpoint")[0]["anchors"]] == ["good"]
    bad.failing = False
    signed.clock.advance(11)
    signed.settle(notary)
    assert bad.sizes() == [1]
    assert {one["problem"] for one in notary.status()["anchors"]} == {""}
    notary.close()


def test_git_gets_the_last_head_in_its_time_and_at_the_end(signed: SignedDesk) -> None:
    """Heads in between are not committed one by one."""
    git = Memory(kind="git")
    signed.anchors = [git]
    signed.rules = CheckpointRules(every_events=1)
    notary = signed.notary()
    for _ in range(5):
        signed.desk.write(*drafts(1))
        signed.settle(notary)
    assert git.sizes() == [2]
    signed.clock.advance(301)
    signed.settle(notary)
    assert git.sizes() == [2, 6]
    signed.desk.write(*drafts(1))
    signed.settle(notary)
    assert git.sizes() == [2, 6]
    signed.settle(notary, ending=True)
    assert git.sizes() == [2, 6, 7]
    notary.close()
