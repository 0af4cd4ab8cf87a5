"""Readiness of a workspace: facts from the ledger's figures and the configs, and what stands between."""

from datetime import timedelta
from pathlib import Path

import pytest
from ledger_seed import NOW, seed_ledger

from peak_console.config.defaults import write_demo_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.criterion import CriterionStatus
from peak_console.operations.readiness import next_asked, readiness


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """The demo's configs and a ledger of 300 calls that ended just now."""
    write_demo_configs(tmp_path, today=NOW.date())
    ws = Workspace(tmp_path)
    seed_ledger(ws.ledger, end=NOW, calls=300)
    return ws


def test_figures_come_from_the_ledger(ws: Workspace) -> None:
    """Calls, p95 and verdicts of the window; a window that ended before them holds none."""
    found = readiness(ws, Phase.TESTNET, clock=ManualClock(NOW))
    by_id = {one.id: one for one in found.criteria}
    assert 280 < int(by_id["min_calls"].found) <= 300
    assert by_id["min_calls"].status is CriterionStatus.RED
    assert by_id["max_p95_ms"].status is CriterionStatus.GREEN
    assert by_id["max_critic_fail_pct"].found.split()[1:3] == ["%", "of"]
    assert by_id["scopes_present"].evidence == "configs/ai/capability_scopes"
    assert by_id["limits_set"].status is CriterionStatus.GREEN
    assert by_id["min_cycles"].status is CriterionStatus.NO_EVIDENCE
    assert by_id["drill:stop"].status is CriterionStatus.NO_EVIDENCE
    assert by_id["max_open_incidents"].status is CriterionStatus.NO_EVIDENCE
    assert not found.green
    later = readiness(ws, Phase.TESTNET, clock=ManualClock(NOW + timedelta(days=30)))
    assert {one.id: one.found for one in later.criteria}["min_calls"] == "0"


def test_no_incident_is_evidence_once_a_node_watched(ws: Workspace) -> None:
    """A node of before, that watched for nothing, shows nothing; since when one watches is told."""
    for number, watches in enumerate(({}, {"watches": True}, {"watches": True})):
        at = NOW + timedelta(hours=number)
        with LedgerWriter(ws.ledger, clock=ManualClock(at)) as writer:
            writer.append([(EventDraft(f"ev_start{number}", "node.started", watches), "node")])
            head = writer.head[0]
        clock = ManualClock(at)
        found = {one.id: one for one in readiness(ws, Phase.TESTNET, clock=clock).criteria}[
            "max_open_incidents"
        ]
        if not number:
            assert found.status is CriterionStatus.NO_EVIDENCE
            continue
        assert found.status is CriterionStatus.GREEN
        assert found.found == f"0, watched since {NOW:%Y-%m-%d} (#{head - number + 1})"


def test_what_is_recorded_names_every_result(ws: Workspace) -> None:
    """With a digest that changes with any of them."""
    found = readiness(ws, clock=ManualClock(NOW))
    kept = found.recorded()
    assert found.phase is Phase.SHADOW
    assert set(kept["results"]) == {one.id for one in found.criteria}
    later = readiness(ws, clock=ManualClock(NOW + timedelta(days=30)))
    assert kept["digest"] != later.recorded()["digest"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no configs/readiness.toml"),
        ("[shadow]\nmin_dais = 3\n", "cannot be understood"),
        ("[shadow]\nmin_days = '3'\n", "cannot be understood"),
        ("[shadow\n", "cannot be understood"),
        ("[testnet]\nmin_days = 14\n", "no [shadow]"),
    ],
)
def test_where_nothing_says_what_is_asked_nothing_is_green(
    ws: Workspace, text: str | None, told: str
) -> None:
    """No file, one with a mistake, no table: every criterion there is stands without evidence."""
    asked = {one.id for one in readiness(ws, Phase.SHADOW, clock=ManualClock(NOW)).criteria}
    file = ws.root / "configs/readiness.toml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")
    found = readiness(ws, Phase.SHADOW, clock=ManualClock(NOW))
    assert asked < {one.id for one in found.criteria}
    assert {one.status for one in found.criteria} == {CriterionStatus.NO_EVIDENCE}
    assert not found.green
    assert all(told in one.wanted and one.remedy for one in found.criteria)


def test_without_a_ledger_only_the_configs_are_known(tmp_path: Path) -> None:
    """And research asks for nothing."""
    write_demo_configs(tmp_path, today=NOW.date())
    ws = Workspace(tmp_path)
    found = readiness(ws, clock=ManualClock(NOW))
    by_id = {one.id: one.status for one in found.criteria}
    assert by_id["lint_clean"] is not CriterionStatus.NO_EVIDENCE
    assert by_id["ledger_verified"] is CriterionStatus.NO_EVIDENCE
    assert by_id["min_calls"] is CriterionStatus.NO_EVIDENCE
    assert readiness(ws, Phase.MATRIX, clock=ManualClock(NOW)).green


def test_the_next_level_is_asked_for() -> None:
    """Of live, live itself."""
    assert [next_asked(one).value for one in Phase] == ["shadow"] * 4 + ["testnet", "live", "live"]
