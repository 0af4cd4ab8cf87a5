"""Decisions of the gate on a ledger, made again: by ``peak gate replay``, and told by ``peak why``."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from risk.gate_cases import CASES, document
from support.composed import RUN, bare_workspace, composing

from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.node.gate_records import misdecided
from peak_console.operations.explaining.why import EventShown, why
from peak_console.operations.gate_replay import PRUNED, replay_gate
from peak_console.operations.runs_read import NoSuchRun
from peak_console.operations.shapes import SHAPES
from peak_console.operations.views.body_fields import EPOCH
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body

OTHER_RUN = "20261122_130000_abc123"
SINCE_EVER = iso(EPOCH)
BEFORE = 1
"""Events of the composer before the first decision."""


def decided(name: str) -> dict[str, Any]:
    """What is recorded of a named case."""
    inputs = document(CASES[name][0])
    return decided_body(inputs, decide(inputs))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A ledger with every named case, and one decision whose body was pruned."""
    ws = bare_workspace(tmp_path_factory.mktemp("gate") / "ws")
    with composing(ws) as ledger:
        for name in CASES:
            ledger.event(EventKind.GATE_DECIDED, decided(name), run_id=RUN)
        last = ledger.event(EventKind.GATE_DECIDED, decided("allows"), run_id=OTHER_RUN)
    with closing(sqlite3.connect(ws.ledger)) as db:
        db.execute("DROP TRIGGER body_no_delete")
        db.execute("DELETE FROM body WHERE seq = ?", (last.seq,))
        db.commit()
    return ws


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A ledger on which a BLOCK was written as an ALLOW, and one decision is of another gate."""
    ws = bare_workspace(tmp_path_factory.mktemp("forged") / "ws")
    with composing(ws) as ledger:
        ledger.event(EventKind.GATE_DECIDED, decided("allows"), run_id=RUN)
        lie = decided("stale price") | {"verdict": "ALLOW", "reasons": [], "would": "allow"}
        ledger.event(EventKind.GATE_DECIDED, lie, run_id=RUN)
        ledger.event(EventKind.GATE_DECIDED, decided("allows") | {"gate": 1}, run_id=RUN)
    return ws


def test_every_recorded_decision_comes_out_byte_for_byte(honest: Workspace) -> None:
    """All are counted and judged; what was pruned is told as not decidable, and is no difference."""
    found = replay_gate(honest)
    assert found.holds
    assert (found.decided, found.undecidable, found.differ) == (len(CASES), 1, 0)
    assert found.allowed + found.blocked == len(CASES)
    assert found.reasons["invalid_input"] > 1
    assert [one.why for one in found.not_decidable] == [PRUNED]
    assert (found.first_seq, found.last_seq) == (BEFORE + 1, BEFORE + len(CASES) + 1)


def test_a_run_or_a_time_narrows_it(honest: Workspace) -> None:
    """Only that run's, only those since then."""
    assert (replay_gate(honest, run_id=OTHER_RUN).decided, replay_gate(honest, run_id=RUN).undecidable) == (
        0,
        0,
    )
    assert replay_gate(honest, since=SINCE_EVER).decided == len(CASES)
    assert replay_gate(honest, since="2999-01-01T00:00:00.000000Z").first_seq is None
    with pytest.raises(NoSuchRun):
        replay_gate(honest, run_id="20261122_140000_abc123")
    with pytest.raises(UsageWrong):
        replay_gate(honest, run_id="yesterday's")


def test_a_forged_decision_is_found(forged: Workspace) -> None:
    """What the gate does not say of its inputs is named with what it says."""
    found = replay_gate(forged)
    assert (found.holds, found.differ, found.undecidable) == (False, 1, 1)
    assert found.differences[0].seq == BEFORE + 2
    assert found.differences[0].why == "verdict: recorded ALLOW, decided BLOCK"
    assert "another form" in found.not_decidable[0].why


def test_the_command_says_what_it_found(
    honest: Workspace, forged: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0 where all agree, 1 where one does not; a ledger without decisions is told so."""
    assert run(["gate", "replay", "--root", str(honest.root)]) == 0
    out = capsys.readouterr().out
    assert f"{len(CASES)} decisions of the gate made again" in out
    assert "not decidable: 1" in out
    assert run(["gate", "replay", "--root", str(forged.root), "--run", RUN]) == 1
    assert f"DIFFERS #{BEFORE + 2}" in capsys.readouterr().out
    assert run(["gate", "replay", "--root", str(forged.root), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    SHAPES["gate-replay"].model_validate(told)
    assert (told["decisions"], told["differ"], told["not_decidable"]) == (3, 1, 1)
    empty = bare_workspace(tmp_path / "ws")
    with composing(empty):
        pass
    assert run(["gate", "replay", "--root", str(empty.root)]) == 0
    assert "0 decisions" in capsys.readouterr().out


def test_why_explains_a_decision(
    honest: Workspace, forged: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reasons in words, figures against limits, and whether the gate says so again."""
    place = list(CASES).index("limit above the collar") + 1 + BEFORE
    assert run(["why", f"#{place}", "--root", str(honest.root)]) == 0
    out = capsys.readouterr().out
    for said in (
        "BLOCK: buy 1000 EUR/USD at 1.262501 or better for no venue",
        "price_collar: its limit price is too far off the market",
        "the gate says the same, byte for byte",
        f"peak runs show {RUN}",
    ):
        assert said in out
    assert run(["why", f"#{BEFORE + 2}", "--root", str(forged.root)]) == 0
    assert "asked again, the gate says otherwise: verdict: recorded ALLOW" in capsys.readouterr().out
    shown = why(honest, f"#{BEFORE + len(CASES) + 1}")
    assert isinstance(shown, EventShown)
    assert shown.gate is not None
    assert (shown.gate.agrees, shown.gate.differs) == (None, PRUNED)
    SHAPES["why"].model_validate(shown.as_json())


def test_the_writer_takes_only_the_gates_own_word(honest: Workspace) -> None:
    """A decision that is anybody else's is refused, whatever of it was changed; other events are not its."""
    with LedgerReader(honest.ledger) as reader:
        body = dict(reader.read(BEFORE, 1)[0].body or {})
    draft = EventDraft("ev_1", EventKind.GATE_DECIDED.value, body, run_id=body["inputs"]["intent"]["run_id"])
    assert misdecided(draft) is None
    inputs = body["inputs"]
    for change in (
        {"verdict": "BLOCK"},
        {"reasons": ["stale_data"]},
        {"reasons": "none"},
        {"inputs_digest": "0" * 64},
        {"intent_id": "another"},
        {"venue_kind": "live"},
        {"would": "block"},
        {"gate": 1},
        {"more": 1},
        {"inputs": None},
        {"inputs": {}},
        {"inputs": inputs | {"recent_orders": [[]] * 5000}},
        {"inputs": inputs | {"limits": inputs["limits"] | {"max_order_size": "1"}}},
        {"inputs": inputs | {"note": "beside"}},
    ):
        refused = misdecided(replace(draft, body=body | change))
        assert refused is not None, change
        assert (refused.code, bool(refused.remedy)) == ("gate_disagrees", True)
    assert misdecided(replace(draft, body={})) is not None
    assert misdecided(EventDraft("ev_2", EventKind.RUN_STARTED.value, {})) is None
