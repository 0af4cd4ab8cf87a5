"""Verification in pieces, apart, from a remembered head, of a range: always the same verdict."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_attacks import delete, insert, rewrite, swap, tampering
from ledger_court import EVENTS, SIGNED, Court

from peak_console.ledger.heads.merkle import Frontier, leaf_hash
from peak_console.ledger.verifying.chain_range import verify_range
from peak_console.ledger.verifying.memory import Verified
from peak_console.ledger.verifying.result import VerifyCancelled
from peak_console.ledger.verifying.tree import PieceTree, WholeTree
from peak_console.ledger.verifying.verify import Plan, VerifyStage, verify

PIECES = Plan(workers=1, level=1, piece_blocks=2, chunk=3)


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """A signed ledger anchored in a folder."""
    return Court(tmp_path).fill()


@given(leaves=st.integers(1, 70), level=st.integers(0, 4), blocks=st.integers(1, 5))
def test_roots_of_pieces_are_the_roots_of_the_tree(leaves: int, level: int, blocks: int) -> None:
    """At every size, however it was cut (RFC 9162 section 2.1)."""
    hashes = [f"{number:064x}" for number in range(leaves)]
    step = blocks << level
    whole = WholeTree(keep=frozenset(range(1, leaves + 1)))
    for after in range(0, leaves, step):
        upto = min(after + step, leaves)
        piece = PieceTree(after, range(after + 1, upto + 1), level)
        piece.extend(hashes[after:upto])
        whole.add(piece.finish())
    slow = Frontier()
    for size, one in enumerate(hashes, 1):
        slow.add(leaf_hash(bytes.fromhex(one)))
        assert whole.roots[size] == slow.root()
        assert whole.borders[size].size == (size - 1) >> level << level
    assert whole.frontier.root() == slow.root()


@pytest.mark.parametrize("seq", range(2, EVENTS))
@pytest.mark.parametrize("how", ["edited_row", "deleted_row", "swapped_rows", "inserted_row", "edited_body"])
def test_borders_of_pieces_hide_nothing(court: Court, seq: int, how: str) -> None:
    """The same first break, whatever the pieces are."""
    with tampering(court.path) as db:
        if how == "edited_row":
            db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = ?", (seq,))
        elif how == "deleted_row":
            delete(db, seq)
        elif how == "swapped_rows":
            swap(db, seq, seq + 1)
        elif how == "inserted_row":
            insert(db, seq, sound=True)
        else:
            db.execute("UPDATE body SET bytes = x'7b7d' WHERE seq = ?", (seq,))
    result = verify(court.path, plan=PIECES)
    assert (result.broken_seq, result.broken_how) == (seq, how)
    assert result.events == (seq if how == "inserted_row" else seq - 1), "a sound row that was put in holds"


def test_other_processes_give_the_same_verdict(court: Court) -> None:
    """Sound, rewritten and edited."""
    plan = Plan(workers=2, level=1, piece_blocks=2)
    told: list[tuple[VerifyStage, int, int]] = []
    result = court.verify(plan=plan)
    assert (result.ok, result.events, result.workers) == (True, EVENTS, 2)
    verify(court.path, lambda *one: told.append(one), plan=plan)
    assert (VerifyStage.CHAIN, EVENTS, EVENTS) in told
    with tampering(court.path) as db:
        rewrite(db, 10)
    assert court.verify(plan=plan).broken_how == "rewritten_chain"
    with tampering(court.path) as db:
        db.execute("UPDATE ledger SET actor = 'x' WHERE seq IN (4, 11)")
    result = court.verify(plan=plan)
    assert (result.broken_seq, result.broken_how, result.events) == (4, "edited_row", 3)


def test_cancelling_ends_the_processes_at_once(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as it is said; none is left behind or heard out, and it is told as what it is."""
    begun: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *words: Any, **how: Any) -> None:
            super().__init__(*words, **how)
            begun.append(self)

    def cancelled() -> bool:
        return bool(begun)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with pytest.raises(VerifyCancelled):
        verify(court.path, plan=Plan(workers=2), cancelled=cancelled)
    assert {one.returncode for one in begun} == {-signal.SIGKILL}
    with pytest.raises(VerifyCancelled):
        verify(court.path, cancelled=cancelled)
    with pytest.raises(VerifyCancelled):
        verify_range(court.path, 1, EVENTS, cancelled=cancelled)


def test_an_incremental_verification_begins_at_a_signed_head(court: Court) -> None:
    """It looks at what came since the block of the last head that was verified, and says so."""
    plan = Plan(level=2, memory=court.memory)
    whole = court.verify(plan=plan)
    assert whole.incremental_from is None
    found = Verified.read(court.memory)
    assert found is not None
    assert (found.size, found.border.size) == (SIGNED[-1], 12)
    again = Plan(level=2, memory=court.memory, incremental=True)
    result = court.verify(plan=again)
    assert (result.ok, result.events, result.head) == (True, EVENTS, whole.head)
    assert result.incremental_from == 12
    assert any("not looked at again" in one for one in result.cannot_know)
    kept = Verified.read(court.memory)
    assert kept is not None
    assert kept.full_at == found.full_at
    with tampering(court.path) as db:
        db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = 17")
    assert court.verify(plan=again).broken_seq == 17


@pytest.mark.parametrize("first", [2, 11, 13, 14])
def test_an_incremental_verification_sees_a_chain_that_was_rewritten(court: Court, first: int) -> None:
    """Before the place it begins at too: the tree is that of other events."""
    court.verify(plan=Plan(level=2, memory=court.memory))
    with tampering(court.path) as db:
        rewrite(db, first)
    result = court.verify(plan=Plan(level=2, memory=court.memory, incremental=True))
    assert result.broken_how == "rewritten_chain"


@pytest.mark.parametrize("field", ["root", "frontier", "size", "border", "head"])
def test_a_memory_that_does_not_prove_itself_is_not_believed(court: Court, field: str) -> None:
    """Then all of it is verified, or the tree does not come out."""
    court.verify(plan=Plan(level=2, memory=court.memory))
    told = json.loads(court.memory.read_text())
    told[field] = {"root": "00" * 32, "frontier": ["11" * 32] * 2, "size": 13, "border": 8, "head": 7}[field]
    court.memory.write_text(json.dumps(told))
    result = court.verify(plan=Plan(level=2, memory=court.memory, incremental=True))
    assert result.incremental_from is None or not result.ok


def test_a_range_is_verified_for_itself(court: Court) -> None:
    """From which event to which, and the first break among them."""
    assert verify_range(court.path, 5, 9).last == 9
    assert verify_range(court.path, 1, 3).ok
    with tampering(court.path) as db:
        db.execute("UPDATE ledger SET actor = 'eve' WHERE seq = 7")
    assert verify_range(court.path, 8, 12).ok, "what is not shown is not looked at"
    result = verify_range(court.path, 5, 9)
    assert (result.ok, result.first, result.last, result.broken_seq) == (False, 5, 6, 7)
    with tampering(court.path) as db:
        delete(db, 10)
    assert verify_range(court.path, 9, 12).broken_how == "deleted_row"
