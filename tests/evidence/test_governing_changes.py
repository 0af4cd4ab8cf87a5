"""Operators' saves of configs beside what the node saw: both are told, only the node's is in force."""

from pathlib import Path

from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.evidence.contents import digests_named
from peak_console.evidence.gathering import gather
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter

RUN = "20261122_140000_abc123"
OLD, NEW, LATER, ELSE = "0" * 64, "1" * 64, "2" * 64, "3" * 64


def test_a_run_is_told_who_saved_its_configs_and_what_was_in_force(tmp_path: Path) -> None:
    """A save that was cut short is told and is no config in force; nor is an operator's of another."""
    clock = ManualClock()
    kinds = [
        ("workspace.initialised", {"simulated": True}, None),
        ("node.started", {"digests": {"matrix": OLD}}, None),
        ("matrix.changed", {"path": "m", "kind": "matrix", "old": OLD, "new": NEW, "reason": "r"}, None),
        ("config.changed", {"file": "matrix", "old": OLD, "new": NEW}, None),
        ("config.changed", {"path": "b", "kind": "budgets", "old": None, "new": ELSE, "reason": "r"}, None),
        ("run.started", {"purpose": "x"}, RUN),
        ("matrix.rolled_back", {"path": "m", "kind": "matrix", "old": NEW, "new": LATER}, None),
        ("run.finished", {"status": "done"}, RUN),
    ]
    with LedgerWriter(tmp_path / "ledger.db", clock=clock) as writer:
        for number, (kind, body, run) in enumerate(kinds):
            clock.advance(1)
            (result,) = writer.append([(EventDraft(f"ev_{number}", kind, body, run_id=run), "node")])
            assert not isinstance(result, Exception), result
    with LedgerReader(tmp_path / "ledger.db") as reader:
        record = gather(reader, RUN)
    told = [one.kind for one in record.governing]
    assert told.count(EventKind.MATRIX_CHANGED.value) == 1
    assert told.count(EventKind.MATRIX_ROLLED_BACK.value) == 1
    assert told.count(EventKind.CONFIG_CHANGED.value) == 2
    assert set(digests_named(record)) == {("matrix", NEW)}
