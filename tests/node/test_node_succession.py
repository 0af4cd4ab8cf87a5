"""A ledger written anew is found whatever its genesis says of a recovery; a true one goes on."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from node_world import World, node_here, sign

from peak_console.domain.canonical import canonical
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import GENESIS_PREV_HASH, HEADER_FIELDS, header_hash
from peak_console.domain.posture import PostureState
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notary import Notary
from peak_console.node.beginning import foreign_beginning
from peak_console.node.notarychild import means_of
from peak_console.node.recovering import recover_ledger
from peak_console.operations import ledger
from peak_console.operations.missing_ledger import missing_ledger
from peak_console.operations.signed_head import SignedHeads

Body = dict[str, Any]


def rewritten(world: World, change: Callable[[dict[int, Body], dict[int, str]], None]) -> None:
    """Bodies and kinds changed, and every hash made to fit, as who may write the file can."""
    db = sqlite3.connect(world.ws.ledger, isolation_level=None)
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    bodies = {seq: json.loads(data) for seq, data in db.execute("SELECT seq, bytes FROM body")}
    kinds = dict(db.execute("SELECT seq, kind FROM ledger"))
    change(bodies, kinds)
    previous = GENESIS_PREV_HASH
    for row in db.execute("SELECT * FROM ledger ORDER BY seq").fetchall():
        header = dict(zip(HEADER_FIELDS, row, strict=True))
        data = canonical(bodies[header["seq"]])
        header |= {"kind": kinds[header["seq"]], "body_sha256": hashlib.sha256(data).hexdigest()}
        header["prev_hash"] = previous
        previous = header["hash"] = header_hash(header)
        db.execute("UPDATE body SET bytes = ? WHERE seq = ?", (data, header["seq"]))
        db.execute(
            "UPDATE ledger SET kind = ?, body_sha256 = ?, prev_hash = ?, hash = ? WHERE seq = ?",
            (*(header[one] for one in ("kind", "body_sha256", "prev_hash", "hash")), header["seq"]),
        )
    for _, text in triggers:
        db.execute(text)
    db.close()


def notary_says(world: World) -> str:
    """Why the notary signs nothing; empty where it does."""
    notary = Notary(means_of(world.ws), lambda _: None)
    for _ in range(100):
        if not notary.round(ending=True) and notary.settled:
            break
    notary.close()
    return str(notary.status()["problem"])


def refused(world: World, said: str) -> None:
    """Verify, the notary and the node's start say the same."""
    result = ledger.verify(world.ws)
    assert (result.ok, result.broken_how) == (False, "foreign_genesis")
    assert said in result.detail
    assert "foreign_genesis" in notary_says(world)
    assert "foreign_genesis" in foreign_beginning(world.ws)


def heads(world: World) -> int:
    """How many heads the files hold."""
    return len(list(CheckpointFiles(world.ws.checkpoints).all()))


@pytest.mark.parametrize("word", [{}, {"origins": ["x"]}])
async def test_one_word_makes_no_recovery(world: World, word: Body) -> None:
    """The whole chain anew under a genesis that says ``recovered``: nothing signs it, no call is let by."""
    sign(world)

    def change(bodies: dict[int, Body], kinds: dict[int, str]) -> None:
        bodies[1]["recovered"] = word
        kinds.update({seq: "run.noted" for seq, kind in kinds.items() if kind == "ledger.checkpointed"})

    before = heads(world)
    rewritten(world, change)
    refused(world, "does not say")
    async with node_here(world):
        assert world.posture().state is PostureState.STOPPED
        assert "ledger_broken" in world.posture().reasons
    assert heads(world) == before


def test_a_true_recovery_is_signed_at_once_and_told(world: World) -> None:
    """No unsigned window is left; whoever verifies reads what is lost; a second one goes on after it."""
    sign(world)
    known = heads(world)
    world.ws.ledger.unlink()
    with pytest.raises(LedgerUnavailable) as caught:
        ledger.verify(world.ws)
    assert "signed events are known" in caught.value.message
    assert "peak ledger recover" in caught.value.remedy
    for count in (1, 2):
        made = recover_ledger(world.ws, reason="test", operator="anna", force=True, phase="bootstrap")
        assert (made.first.size, made.first.problem, made.had_file) == (made.events, "", count == 2)
        assert heads(world) == known + count
        result = ledger.verify(world.ws)
        assert result.ok, result.detail
        assert result.succeeded is not None
        assert (result.succeeded.lost > 0) == (count == 1)
        assert "goes on after" in " ".join(result.cannot_know)
        assert notary_says(world) == foreign_beginning(world.ws) == ""


def test_status_minds_heads_of_this_log_only(world: World) -> None:
    """The log before it had more events: that is no end that was cut off."""
    sign(world)
    recover_ledger(world.ws, reason="test", operator="anna", force=True)
    genesis = world.events()[0].hash
    assert SignedHeads(world.ws).read(1, {}, "0" * 64).problem == "no head was signed yet"
    assert SignedHeads(world.ws).read(len(world.events()), {}, genesis).problem == ""


def over_another(bodies: dict[int, Body], told: Body) -> None:
    """The genesis says something that its operator did not sign."""
    bodies[1]["reason"] = "another"


def by_eve(bodies: dict[int, Body], told: Body) -> None:
    """Somebody else's name under the same signature."""
    bodies[1]["operator"] = told["operator"] = "eve"


def unproved(bodies: dict[int, Body], told: Body) -> None:
    """No signature at all."""
    del told["proof"]


@pytest.mark.parametrize("forge", [over_another, by_eve, unproved])
def test_a_recovery_that_no_operator_signed_is_none(world: World, forge: Callable[..., None]) -> None:
    """A recovery's own record taken for another genesis, by who holds no key."""
    sign(world)
    notes = {path: path.read_bytes() for path in CheckpointFiles(world.ws.checkpoints).files()}
    recover_ledger(world.ws, reason="test", operator="anna", force=True)
    for path, data in notes.items():
        path.write_bytes(data)  # before its own head was signed: that is the forger's moment

    def change(bodies: dict[int, Body], kinds: dict[int, str]) -> None:
        (seq,) = [seq for seq, kind in kinds.items() if kind == "ledger.recovered"]
        forge(bodies, bodies[seq])

    rewritten(world, change)
    assert "foreign_genesis" in notary_says(world)
    assert not ledger.verify(world.ws).ok


def test_a_stranger_signs_for_nobody(world: World) -> None:
    """A true signature by a key that stands nowhere."""
    sign(world)
    recover_ledger(world.ws, reason="test", operator="anna", force=True)
    (world.ws.keys / "anna.pub").unlink()
    assert ledger.verify(world.ws).ok  # the saved part knows her, under a signed head
    for path in (world.ws.audits / "salvaged").glob("*/proven.db"):
        path.unlink()
    refused(world, "no known key of operator anna")


def test_a_forged_chain_is_not_what_is_saved(world: World) -> None:
    """Recovering goes on after the log that was signed: nothing of the forged one counts as proven."""
    sign(world)
    rewritten(world, lambda bodies, kinds: bodies[1].update(recovered={}))
    made = recover_ledger(world.ws, reason="test", operator="anna")
    assert (made.proven, made.phase_from) == (0, "unknown")
    assert ledger.verify(world.ws).ok
    again = recover_ledger(world.ws, reason="the phase was another", phase="bootstrap", force=True)
    assert again.phase == "bootstrap"


def test_a_workspace_without_heads_is_told_to_begin(world: World) -> None:
    """Nothing is known to be lost."""
    assert missing_ledger(world.ws).remedy == "start the node, which makes it: peak node start"
