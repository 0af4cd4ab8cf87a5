"""Breakers as monitors see them: one at their state, and how often they opened."""

from pathlib import Path

from support.composed import Composer, bare_workspace

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind
from peak_console.http.families import families
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.metrics import Meter
from peak_console.policy.breaker import BreakerRules

LABELS = {"provider": "openai", "model_id": "gpt-5-mini"}


def sampled(meter: Meter) -> dict[str, float]:
    """The figures of the one model's breaker."""
    reading = meter.read()
    assert not isinstance(reading.ledger, LedgerUnavailable)
    found = {}
    for family in families(reading, meter.build()):
        for sample in family.samples:
            if sample.name.startswith("provider_breaker"):
                assert sample.labels.items() >= LABELS.items()
                found[sample.labels.get("state", "trips")] = sample.value
    return found


def test_a_breakers_way_is_seen(tmp_path: Path) -> None:
    """Closed with a failure, open, half open when its time is over, closed by its probe; trips only rise."""
    ws = bare_workspace(tmp_path / "ws")
    clock = ManualClock()
    rules = BreakerRules(failures=2)
    with LedgerWriter(ws.ledger, clock=clock, projections=[Rollups(), Breakers(lambda: rules)]) as writer:
        ledger, meter = Composer(writer, ""), Meter(ws, clock)
        ledger.event(EventKind.WORKSPACE_INITIALISED, {"simulated": False})
        assert sampled(meter) == {}
        ledger.failure()
        assert sampled(meter) == {"closed": 1, "open": 0, "half_open": 0, "trips": 0}
        ledger.failure()
        assert sampled(meter) == {"closed": 0, "open": 1, "half_open": 0, "trips": 1}
        clock.advance(60)
        assert sampled(meter) == {"closed": 0, "open": 0, "half_open": 1, "trips": 1}
        ledger.call()
        assert sampled(meter) == {"closed": 1, "open": 0, "half_open": 0, "trips": 1}
