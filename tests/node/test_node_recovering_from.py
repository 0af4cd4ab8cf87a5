"""A backup put back: by the same proofs, under a new name, and never where it would cost events."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from node_calls import failed, requested
from node_world import World, sign

from peak_console.config.load import ConfigCache
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.keeping.backup import back_up
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.recovering import recover_ledger
from peak_console.node.recovery import Recovery
from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace
from peak_console.operations.ledger import verify as verify_workspace


def spend(world: World, calls: int) -> None:
    """Calls of a euro each."""
    limits = ConfigCache(world.ws).current().budgets.limits
    clock = SystemClock()
    projections = (Rollups(), Reservations(lambda: limits, clock=clock))
    with LedgerWriter(world.ws.ledger, clock=clock, projections=projections) as writer:
        for number in range(calls):
            call_id = f"c{os.urandom(4).hex()}-{number}"
            told = failed(call_id, cost_eur="1.000000000", basis="worst_case")
            writer.append([(one, "node") for one in (requested(call_id, "1.000000000"), told)])


def backed_up(world: World, tmp_path: Path) -> tuple[Path, int]:
    """A signed ledger, a backup of it, and more signed events after it; the backup's events."""
    spend(world, 20)
    sign(world)
    made = back_up(world.ws.ledger, world.ws.checkpoints, tmp_path / "backup.db")
    spend(world, 10)
    sign(world)
    return made.path, made.events


def put_back(world: World, backup: Path, **options: object) -> Recovery:
    """``peak ledger recover --from``."""
    asked = {"reason": "test", "operator": "anna", "backup": backup, **options}
    return recover_ledger(world.ws, **asked)  # type: ignore[arg-type]


def shred(world: World) -> None:
    """A file of which nothing can be read."""
    world.ws.ledger.write_bytes(os.urandom(world.ws.ledger.stat().st_size))


def delete(world: World) -> None:
    """No file at all."""
    world.ws.ledger.unlink()


@pytest.mark.parametrize("lose", [shred, delete])
def test_a_backup_is_put_back(world: World, tmp_path: Path, lose: Callable[[World], None]) -> None:
    """Its events are saved, those after it counted as lost, the broken file kept, the successor verifies."""
    backup, events = backed_up(world, tmp_path)
    before = world.events()
    lose(world)
    broken = world.ws.ledger.read_bytes() if world.ws.ledger.exists() else None
    as_it_was = backup.read_bytes()
    done = put_back(world, backup)
    assert (done.proven, done.proven_head, done.backup) == (events, before[events - 1].hash, backup)
    assert done.lost >= len(before) - events
    assert not done.spend_known, "nobody knows what was spent after the backup"
    assert done.proven_file is not None
    assert verify(done.proven_file).events == events
    if broken is not None:
        assert (done.folder / "ledger.db").read_bytes() == broken
    assert backup.read_bytes() == as_it_was
    recovered = (world.events()[0].body or {})["recovered"]
    assert (recovered["proven_seq"], recovered["from"]) == (events, "backup.db")
    found = verify_workspace(world.ws)
    assert found.ok, found.detail
    assert not world.calls()


def test_a_backup_that_knows_less_is_refused(world: World, tmp_path: Path) -> None:
    """The ledger's own proven part is larger: nothing changes, unless the operator insists."""
    backup, events = backed_up(world, tmp_path)
    last = len(world.events())
    db = sqlite3.connect(world.ws.ledger)
    db.execute("DROP TRIGGER ledger_no_update")
    db.execute("UPDATE ledger SET actor = 'mallory' WHERE seq = ?", (last - 1,))
    db.commit()
    db.close()
    broken = world.ws.ledger.read_bytes()
    with pytest.raises(ControlRefused) as refused:
        put_back(world, backup)
    assert refused.value.code == "backup_useless"
    assert world.ws.ledger.read_bytes() == broken
    assert not list((world.ws.audits / "salvaged").iterdir())
    assert put_back(world, backup, force=True).proven == events


def test_another_log_is_no_backup(world: World, tmp_path: Path) -> None:
    """A sound ledger of another workspace, the ledger itself, a file of nothing and no file are refused."""
    backed_up(world, tmp_path)
    other = init_workspace(tmp_path / "other", operator="bert")
    begin_ledger(other.ws, operator=other.operator, public_key=other.public_key)
    (tmp_path / "nothing.db").write_bytes(os.urandom(50_000))
    shred(world)
    broken = world.ws.ledger.read_bytes()
    for backup in (other.ws.ledger, world.ws.ledger, tmp_path / "nothing.db", tmp_path / "gone.db"):
        with pytest.raises(ControlRefused) as refused:
            put_back(world, backup)
        assert refused.value.code == "backup_useless", backup
        assert world.ws.ledger.read_bytes() == broken
    assert KeyStore(world.ws.keys).raw_public() is not None


def test_a_backup_is_proven_like_the_ledger(world: World, tmp_path: Path) -> None:
    """A backup that somebody edited gives only what is before the edit."""
    backup, _ = backed_up(world, tmp_path)
    db = sqlite3.connect(backup)
    db.execute("DROP TRIGGER ledger_no_update")
    db.execute("UPDATE ledger SET actor = 'mallory' WHERE seq = 12")
    db.commit()
    db.close()
    shred(world)
    assert put_back(world, backup).proven == 11
