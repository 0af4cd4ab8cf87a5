"""What ``peak demo`` tells of traffic that failed and keeps of traffic that went well; status in words."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from peak_console.cli import demo_house
from peak_console.cli.demo import _lines as demo_lines
from peak_console.cli.demo_house import DemoHouse
from peak_console.cli.status import _lines
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.demo import figures_of
from peak_console.operations.status import status


class _Process:
    """A process that ended as given."""

    returncode = 3

    def poll(self) -> int:
        return self.returncode


def test_what_the_traffic_complained_of_is_told(tmp_path: Path) -> None:
    """The last lines of its standard error stand in the error, on one line."""
    house = DemoHouse(tmp_path, rate=1.0, seed=1)
    house._traffic = _Process()  # type: ignore[assignment]
    house._told = io.BytesIO()
    house._complaint = io.BytesIO(
        b"old line\n" * 900 + b"no node holds a lease\nreason: no_node\nstart one\n"
    )
    with pytest.raises(EnvironmentUnfit) as caught:
        house.summary()
    assert caught.value.code == "demo_traffic_failed"
    assert caught.value.message.endswith(
        "ended with code 3: no node holds a lease; reason: no_node; start one"
    )


def test_the_summary_is_the_ledgers(tmp_path: Path) -> None:
    """What its end cancelled counts with its cost, whatever the traffic noted; what was before does not."""
    house = DemoHouse(tmp_path, rate=1.0, seed=1)
    traffic = _Process()
    traffic.returncode = 0
    house._traffic = traffic  # type: ignore[assignment]
    told = {
        "calls": 0,
        "failed": 0,
        "refused": 0,
        "fallbacks": 0,
        "runs": 1,
        "runs_failed": 0,
        "cost_eur": "0",
    }
    house._told = io.BytesIO(json.dumps({**told, "seconds": 1.0}).encode())
    where = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
    attempt = {"number": 1, "reason": "ok"}
    ok = {"attempts": [attempt], "usage": {}, "cost_basis": "usage"}
    cut = {"reason": "cancelled", "attempts": [], "cost_basis": "worst_case"}
    house.ws.ledger.parent.mkdir(parents=True)
    with LedgerWriter(house.ws.ledger, clock=SystemClock(), projections=[Rollups()]) as writer:

        def write(*ends: tuple[EventKind, dict[str, Any]]) -> None:
            for kind, end in ends:
                place = f"ev_{writer.head[0]}"
                body = {"hop": 1, "cost_eur": "0.010000000", "latency_us": 9, **end}
                (done,) = writer.append([(EventDraft(place, kind, body, call_id=place, **where), "demo")])
                assert not isinstance(done, Exception), done

        genesis = EventDraft("ev_g", EventKind.WORKSPACE_INITIALISED, {"simulated": True})
        writer.append([(genesis, "node")])
        write((EventKind.CALL_COMPLETED, ok))
        house._before = figures_of(house.ws)
        write((EventKind.CALL_COMPLETED, ok), (EventKind.CALL_COMPLETED, ok), (EventKind.CALL_FAILED, cut))
    summary = house.summary()
    assert [summary[name] for name in ("calls", "answered", "failed", "cancelled")] == [3, 2, 1, 1]
    assert summary["cost_eur"] == "0.030000000"
    assert any("1 failed (1 cancelled by the demo's end)" in line for line in demo_lines(summary))


@pytest.mark.parametrize("kept", [True, False])
def test_a_kept_workspace_keeps_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    """A throw-away one is pruned."""
    started: list[tuple[str, list[str], Any]] = []

    def start(module: str, words: list[str], _: Any, **streams: Any) -> _Process:
        started.append((module, words, streams["stderr"]))
        return _Process()

    monkeypatch.setattr(demo_house, "_start", start)
    house = DemoHouse(tmp_path if kept else None, rate=1.0, seed=1)
    house._start_traffic({})
    house._end()
    (module, words, complaint) = started[0]
    assert module == "peak_console.demo.traffic"
    assert ("--keep-runs 0" in " ".join(words)) is kept
    assert complaint is not None


def test_exported_archives_outlive_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The throw-away workspace goes; what was exported is kept beside its key, and the place is told."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    house, bare = DemoHouse(None, rate=1.0, seed=1), DemoHouse(None, rate=1.0, seed=1)
    for folder in (house.ws.audits / "exports", house.ws.keys):
        folder.mkdir(parents=True)
    (house.ws.audits / "exports" / "evidence.tar.gz").write_bytes(b"archive")
    (house.ws.keys / "workspace.pub").write_bytes(b"key")
    for one in (house, bare):
        one._end()
        assert not one.ws.root.exists()
    (place,) = tmp_path.glob("peak-exports-*")
    assert {one.name for one in place.iterdir()} == {"evidence.tar.gz", "workspace.pub"}
    assert str(place) in house.last_words()[1]
    assert len(bare.last_words()) == 1


def test_status_tells_a_ledger_that_cannot_be_read(tmp_path: Path) -> None:
    """The fault and its remedy in place of "none"; the phase is unknown."""
    workspace = Workspace(tmp_path)
    assert any("ledger" in line and "none" in line for line in _lines(status(workspace, environ={})))
    workspace.ledger.parent.mkdir(parents=True)
    workspace.ledger.write_bytes(b"this is not a database at all" * 100)
    lines = _lines(status(workspace, environ={}))
    (ledger,) = [line for line in lines if line.strip().startswith("ledger")]
    assert "UNREADABLE" in ledger
    assert "not a database" in ledger
    assert ";" in ledger
    assert any(line.strip().startswith("phase") and "unknown" in line for line in lines)
