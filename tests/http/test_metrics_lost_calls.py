"""The cost counter under lost callers: what may be corrected downwards is never in it."""

from pathlib import Path

import pytest
from support.composed import RUN, SLOT, bare_workspace, composing

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind
from peak_console.operations.metrics import Meter, Slot, SlotFigures

LOST = {"reason": "caller_lost", "attempts": [], "cost_eur": "0.500000000", "cost_basis": "worst_case"}


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace without a ledger."""
    return bare_workspace(tmp_path / "ws")


def slot(meter: Meter) -> SlotFigures:
    """The figures of the one slot."""
    ledger = meter.read().ledger
    assert not isinstance(ledger, LedgerUnavailable)
    return ledger.slots[Slot(*SLOT)]


def test_a_lost_call_is_unsettled_until_its_answer_comes(ws: Workspace) -> None:
    """The counter rises by the answer's bill, and neither the same meter nor a new one ever shows less."""
    with composing(ws) as ledger:
        ledger.call()
        lost = ledger.failure(**LOST)
        other = ledger.failure(**LOST)
        meter = Meter(ws)
        assert (slot(meter).cost_nano_eur, slot(meter).unsettled_nano_eur) == (1_000_000, 1_000_000_000)
        ledger.append(ledger.completed(SLOT, lost))
        for one in (meter, Meter(ws)):
            assert (slot(one).cost_nano_eur, slot(one).unsettled_nano_eur) == (2_000_000, 500_000_000)
        ledger.append(ledger.completed(SLOT, other))
        third = ledger.failure(**LOST)
        for one in (meter, Meter(ws)):
            assert (slot(one).cost_nano_eur, slot(one).unsettled_nano_eur) == (3_000_000, 500_000_000)
        ledger.append(ledger.failed(SLOT, third, cost_eur="0.000000000"))
        assert (slot(meter).cost_nano_eur, slot(meter).unsettled_nano_eur) == (3_000_000, 0)


def test_another_ledger_begins_anew(ws: Workspace) -> None:
    """A ledger made anew has its own figures: what the earlier one had is forgotten."""
    meter = Meter(ws)
    with composing(ws, "a") as ledger:
        ledger.call(cost_eur="0.400000000")
        ledger.failure(**LOST)
        assert slot(meter).cost_nano_eur == 400_000_000
    for file in ws.audits.glob("ledger.db*"):
        file.unlink()
    with composing(ws, "b") as ledger:
        for _ in range(5):
            ledger.call()
        assert (slot(meter).cost_nano_eur, slot(meter).unsettled_nano_eur) == (5_000_000, 0)


def test_a_settlement_and_a_hop_given_up_never_lower_the_counter(ws: Workspace) -> None:
    """What an operator may still lower is unsettled, whatever the reason of the bound."""
    timeout = {"cost_eur": "0.500000000", "cost_basis": "worst_case"}
    with composing(ws) as ledger:
        ledger.call()
        first = ledger.failure(**timeout)
        ledger.failure(**{**LOST, "reason": "background_lost"})
        meter = Meter(ws)
        assert (slot(meter).cost_nano_eur, slot(meter).unsettled_nano_eur) == (1_000_000, 1_000_000_000)
        body = {"hop": 1, "cost_eur": "0.200000000", "was_eur": "0.500000000", "reason": "x", "operator": "a"}
        names = dict(zip(("layer", "role", "provider", "model_id"), SLOT, strict=True))
        ledger.event(EventKind.BUDGET_SETTLED, body, call_id=first, run_id=RUN, **names)
        for one in (meter, Meter(ws)):
            assert (slot(one).cost_nano_eur, slot(one).unsettled_nano_eur) == (1_000_000, 700_000_000)
