"""What the demo gives the jobs of its node, and what its summary tells of them."""

import stat
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli.demo import _lines
from peak_console.cli.demo_house import DemoHouse
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.key_file import read_key_file
from peak_console.operations.demo import shadow_figures
from peak_console.simulator.server import base_urls


def test_jobs_get_the_simulators_addresses_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is its owner's only, outside of the workspace, holds no key, and is gone with the demo."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    house = DemoHouse(tmp_path / "demo", rate=1.0, seed=1)
    assert house.simulator == ""
    house.addresses = base_urls(4711)
    assert house.simulator == "http://127.0.0.1:4711"
    path = house._write_environment()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read_key_file(path, house.ws.root)
    assert (found.problem, set(found.values.values())) == ("", set(base_urls(4711).values()))
    assert all(name.startswith("PEAK_PROVIDER_") and name.endswith("_BASE_URL") for name in found.values)
    house._end()
    assert not path.parent.exists()


def test_cycles_and_runs_of_jobs_are_counted(tmp_path: Path) -> None:
    """By outcome, reason and state, and only those behind the demo's beginning."""
    ws = Workspace(tmp_path)
    ws.ledger.parent.mkdir(parents=True)
    assert shadow_figures(ws) == {"cycles": {}, "gate_reasons": {}, "jobs": {}}
    with LedgerWriter(ws.ledger, clock=SystemClock()) as writer:

        def write(kind: EventKind, body: dict[str, Any]) -> None:
            (done,) = writer.append([(EventDraft(f"ev_{writer.head[0]}", kind, body), "node")])
            assert not isinstance(done, Exception), done

        write(EventKind.WORKSPACE_INITIALISED, {"simulated": True})
        write(EventKind.JOB_FINISHED, {"state": "failed"})
        before = writer.head[0]
        write(EventKind.JOB_FINISHED, {"state": "done"})
        write(EventKind.SHADOW_CYCLE_FINISHED, {"outcome": "no_trade", "gate": None})
        for reasons in (["stale_data"], ["stale_data", "max_position"]):
            write(EventKind.SHADOW_CYCLE_FINISHED, {"outcome": "would_block", "gate": {"reasons": reasons}})
    assert shadow_figures(ws, before) == {
        "cycles": {"no_trade": 1, "would_block": 2},
        "gate_reasons": {"max_position": 1, "stale_data": 2},
        "jobs": {"done": 1},
    }


def test_the_summary_tells_what_ran_by_itself() -> None:
    """A line each, in plain counts; nothing where nothing ran."""
    figures = dict.fromkeys(("calls", "answered", "fallbacks", "failed", "cancelled", "refused"), 0)
    told = {**figures, "runs": 0, "seconds": 1.0, "cost_eur": "0", "events": 1, "kept": False}
    shadow = {"jobs": {"done": 3}, "cycles": {"would_allow": 1, "would_block": 2}, "gate_reasons": {}}
    assert _lines(told | shadow)[2:] == [
        "runs of jobs: 3 done",
        "shadow cycles: 1 would_allow, 2 would_block",
    ]
    assert len(_lines(told)) == 2
