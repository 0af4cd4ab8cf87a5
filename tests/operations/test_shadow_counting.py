"""What monitors count of shadow: folds of the ledger, with a bounded number of series."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.http.families import families
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.metrics import Meter
from peak_console.operations.shadow.counting import OTHER, ShadowMeter, evidence_of, quarantines
from peak_console.operations.views.shadow import DriftLine, DriftState, StreamLine

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)


def write(ws: Workspace, *events: tuple[str, dict[str, Any]]) -> None:
    """Append events."""
    ws.ledger.parent.mkdir(parents=True, exist_ok=True)
    with LedgerWriter(ws.ledger, clock=ManualClock(NOW)) as writer:
        if not writer.head[0]:
            writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "node")])
        head = writer.head[0]
        drafts = [(EventDraft(f"ev_{head + n}", kind, body), "node") for n, (kind, body) in enumerate(events)]
        assert not [one for one in writer.append(drafts) if isinstance(one, Exception)]


def test_events_are_counted_once_and_words_that_nobody_knows_are_one(tmp_path: Path) -> None:
    """A second reading counts only what is new; a broken body counts as other."""
    ws = Workspace(tmp_path)
    write(
        ws,
        ("shadow.cycle.finished", {"job": "eurusd", "outcome": "would_block"}),
        ("shadow.cycle.finished", {"job": "eurusd", "outcome": "made up"}),
        ("gate.decided", {"verdict": "BLOCK", "reasons": ["stale_data", "daily_loss", "made up", 3]}),
        ("gate.decided", {"verdict": "ALLOW", "reasons": []}),
        ("job.finished", {"job": "eurusd", "state": "done"}),
        ("job.finished", {"job": "eurusd", "state": "failed"}),
        ("job.missed", {"job": "gold", "count": 4}),
        ("job.interrupted", {"job": 7}),
    )
    meter = ShadowMeter(ws)
    with LedgerReader(ws.ledger) as reader:
        first = meter.read(reader, NOW)
        assert first.cycles == {("eurusd", "would_block"): 1, ("eurusd", OTHER): 1}
        assert first.decisions == {("ALLOW",): 1, ("BLOCK",): 1}
        assert first.blocks == {("stale_data",): 1, ("daily_loss",): 1, (OTHER,): 2}
        assert first.runs == {
            ("eurusd", "done"): 1,
            ("eurusd", "failed"): 1,
            ("gold", "missed"): 4,
            (OTHER, "interrupted"): 1,
        }
        assert first.succeeded == {("eurusd",): NOW.timestamp()}
        write(ws, ("job.finished", {"job": "eurusd", "state": "done"}))
        assert meter.read(reader, NOW).runs["eurusd", "done"] == 2
        assert meter.read(reader, NOW) == ShadowMeter(ws).read(reader, NOW)


def test_monitors_see_them(tmp_path: Path) -> None:
    """By the names of the reference page, with their labels."""
    ws = Workspace(tmp_path)
    write(ws, ("shadow.cycle.finished", {"job": "eurusd", "outcome": "no_trade"}))
    found = {one.name: one for one in families(Meter(ws, ManualClock(NOW)).read(), {})}
    (sample,) = found["shadow_cycles"].samples
    assert (sample.name, sample.labels, sample.value) == (
        "shadow_cycles_total",
        {"job": "eurusd", "outcome": "no_trade"},
        1,
    )
    assert {"gate_decisions", "gate_blocks", "job_runs", "drift_evidence", "model_quarantined"} <= set(found)


def test_drift_is_told_once_for_a_model() -> None:
    """The strongest evidence over its slots; out of use where any slot says so."""
    stream = StreamLine("refusal", 9, 1, 1.0, 2.5, 10.6)
    one = DriftLine("openai", "m", ("L1.primary",), DriftState.OK, streams=(stream,))
    other = DriftLine("openai", "m", ("L2.primary",), DriftState.QUARANTINED)
    assert evidence_of([one, other]) == {("openai", "m", "refusal"): 2.5}
    assert quarantines([one, other]) == {("openai", "m"): True}
