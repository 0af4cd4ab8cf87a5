"""Verification after retention: what was dropped is told, and nothing else may be missing or changed."""

import hashlib
from pathlib import Path

import pytest
from ledger_attacks import rewrite, tampering
from ledger_court import Court, new_key
from ledger_desk import Desk
from ledger_events import GENESIS
from test_ledger_pruning import Pruner, old_calls

from peak_console.ledger.verifying.verify import Plan, Sources, verify


@pytest.fixture
def pruner(desk: Desk) -> Pruner:
    """A ledger whose old details were dropped."""
    old_calls(desk)
    found = Pruner(desk)
    found.append(found.draft())
    found.work()
    found.writer.close()
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_dropped_is_told_and_no_break(pruner: Pruner, workers: int) -> None:
    """In one process and in two."""
    result = verify(pruner.desk.path, plan=Plan(workers=workers, level=2, piece_blocks=1))
    assert (result.ok, result.pruned.events) == (True, 60)
    assert result.pruned.before
    assert any("retention dropped it" in one for one in result.cannot_know)


@pytest.mark.parametrize(
    "which",
    [
        "kind = 'run.started'",
        "kind = 'llm.call.completed' AND call_id = 'new'",
        "kind = 'ledger.pruned'",
        "seq = 1",
    ],
)
def test_a_body_outside_the_range_that_is_gone_is_named(pruner: Pruner, which: str) -> None:
    """Of another kind, of a later time, of the event that prunes, of the genesis."""
    with tampering(pruner.desk.path) as db:
        (seq,) = db.execute(f"SELECT min(seq) FROM ledger WHERE {which}").fetchone()  # noqa: S608
        db.execute("DELETE FROM body WHERE seq = ?", (seq,))
    assert not verify(pruner.desk.path).ok


def test_an_edited_body_of_a_range_that_is_still_there_is_named(pruner: Pruner) -> None:
    """A call whose bill is open keeps its bodies; they are compared as all others are."""
    with tampering(pruner.desk.path) as db:
        (seq,) = db.execute("SELECT min(seq) FROM ledger WHERE call_id = 'bound'").fetchone()
        db.execute("UPDATE body SET bytes = x'7b7d' WHERE seq = ?", (seq,))
    result = verify(pruner.desk.path)
    assert (result.broken_seq, result.broken_how) == (seq, "edited_body")


@pytest.mark.parametrize("changes", [{"digest": "0" * 64}, {"events": 61}])
def test_a_prune_that_tells_of_another_range_is_a_break(desk: Desk, changes: dict[str, object]) -> None:
    """Its digest and count follow from the headers of its range."""
    old_calls(desk)
    pruner = Pruner(desk)
    seq = pruner.append(pruner.draft(**changes)).seq
    pruner.writer.close()
    result = verify(desk.path)
    assert (result.broken_seq, result.broken_how) == (seq, "wrong_prune")


# -- the key that the genesis names


def test_another_key_than_the_genesis_names_is_told_without_an_anchor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who exchanges the key and signs every head anew has to write the genesis anew too."""
    key, other = new_key(), new_key()
    monkeypatch.setitem(GENESIS.body, "key", hashlib.sha256(key.public).hexdigest())  # type: ignore[arg-type]
    court = Court(tmp_path, anchored=False, key=key).fill()
    true = court.verify()
    assert true.ok
    assert not any("names no key" in one for one in true.cannot_know)
    with tampering(court.path) as db:
        rewrite(db, 3)
    court.key = other
    del court.__dict__["origin"]
    court.write_notes(court.head(8), court.head(14))
    assert (court.verify().broken_seq, court.verify().broken_how) == (1, "key_changed")


def test_an_older_ledger_says_that_its_genesis_names_no_key(tmp_path: Path) -> None:
    """It verifies; what cannot be known is told."""
    court = Court(tmp_path, anchored=False).fill()
    result = verify(court.path, sources=Sources(key=court.key.public, notes=court.files.folder))
    assert result.ok
    assert any("names no key" in one for one in result.cannot_know)
