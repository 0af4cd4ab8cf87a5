"""Packs of runs whose bodies retention has dropped."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from evidence_world import RUN, EvidenceWorld, draft

from peak_console.operations.evidence import read_pack_file, verify_pack
from peak_console.operations.evidence_build import PackIncomplete


def _prune(world: EvidenceWorld) -> None:
    """What ``peak ledger prune`` leaves: the record, and no bodies of calls before it."""
    body = {"before": "2026-12-31T00:00:00.000000Z", "kinds": ["llm.call.completed", "llm.call.requested"]}
    body |= {"upto_seq": 13, "events": 4, "digest": "a" * 64, "reason": "policy", "operator": "anna"}
    world.write(draft("ledger.pruned", body))
    with closing(sqlite3.connect(world.ws.ledger)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        db.execute("DELETE FROM body WHERE seq IN (SELECT seq FROM ledger WHERE kind LIKE 'llm.%')")
        db.commit()
    world.sign()


def test_a_pack_sealed_before_keeps_what_the_ledger_dropped(world: EvidenceWorld) -> None:
    """It carries the bodies out; a new edition marks them pruned, names the record of it, and verifies."""
    world.build()
    _prune(world)
    built = world.build()
    assert built.edition == 2
    for edition in (1, 2):
        found = verify_pack(world.ws, RUN, edition=edition)
        assert found.ok, found.problems
    assert any("lost their bodies" in one for one in found.notes)
    lines = [json.loads(one) for one in read_pack_file(world.ws, RUN, "events.jsonl").splitlines()]
    pruned = [one for one in lines if one.get("pruned")]
    assert {one["header"]["kind"] for one in pruned} == {"llm.call.requested", "llm.call.completed"}
    assert not [one for one in pruned if "body" in one]
    governing = read_pack_file(world.ws, RUN, "governing.jsonl").decode()
    assert '"kind":"ledger.pruned"' in governing
    assert json.loads(read_pack_file(world.ws, RUN, "costs.json"))["pruned_events"] == 4


def test_texts_that_are_gone_make_no_noise(world: EvidenceWorld) -> None:
    """A run without a folder, also without bodies, is sealed from the ledger alone."""
    shutil.rmtree(world.ws.runs / RUN)
    _prune(world)
    with pytest.raises(PackIncomplete):
        world.build()
    built = world.build(incomplete=True)
    assert built.missing == 1
    assert [one.reason for one in built.left_out] == ["recorded_and_not_there"]
    assert verify_pack(world.ws, RUN).ok
