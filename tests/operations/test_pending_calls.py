"""Background calls that are still worked on stand among the calls that ended, until they end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_seed import NOW

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.views.live_source import LiveSource

WHO = {"provider": "openai", "model_id": "o3-deep-research", "role": "primary", "layer": "L1"}


class Research:
    """Writes background calls, and reads the list as the console does."""

    def __init__(self, root: Path) -> None:
        ws = Workspace(root)
        ws.ledger.parent.mkdir(parents=True)
        self._writer = LedgerWriter(ws.ledger, clock=ManualClock(NOW), projections=[])
        self._source = LiveSource(ws, clock=ManualClock(NOW + timedelta(seconds=1)))
        self._count = 0
        genesis = EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": False})
        self._writer.append([(genesis, "node")])

    def tell(self, kind: EventKind, call_id: str, **body: Any) -> None:
        """Append an event of hop 1."""
        self._count += 1
        draft = EventDraft(f"ev_{self._count}", kind, {"hop": 1, **body}, call_id=call_id, run_id="r", **WHO)
        (result,) = self._writer.append([(draft, "mara")])
        assert not isinstance(result, Exception), result

    def accept(self, call_id: str) -> None:
        """The provider takes a call on."""
        taken = {"response_id": "resp_1", "status": "queued", "base_url": "https://api.openai.com/v1"}
        taken |= {"endpoint": "responses", "asked_role": "primary", "request_hash": "aa", "simulated": False}
        self.tell(EventKind.CALL_ACCEPTED, call_id, expires_at=iso(NOW), **taken)

    def fail(self, call_id: str) -> None:
        """A call ends."""
        ended = {"reason": "background_lost", "outcome": "ambiguous", "cost_eur": "0.100000000"}
        self.tell(EventKind.CALL_FAILED, call_id, cost_basis="worst_case", latency_us=9, attempts=[], **ended)

    def listed(self, text: str = "") -> list[tuple[str, bool]]:
        """Call ids of the list under a filter, and whether each is pending."""
        return [(line.call_id, line.pending) for line in self._source.calls(text).lines]

    def marks(self) -> dict[str, bool]:
        """By call id, whether the list marks it as background work."""
        return {line.call_id: line.background for line in self._source.calls().lines}

    def tail_marks(self) -> dict[str, bool]:
        """The same of Live's newest calls."""
        return {line.call_id: line.background for line in self._source.live(None).tail}

    def close(self) -> None:
        """Let go of the ledger."""
        self._source.close()
        self._writer.close()


@pytest.fixture
def research(tmp_path: Path) -> Iterator[Research]:
    """A ledger without calls."""
    made = Research(tmp_path)
    yield made
    made.close()


def test_a_pending_call_stands_in_its_place_until_it_ends(research: Research) -> None:
    """Newest first among the others; its end takes its place."""
    research.accept("call_old")
    research.fail("call_between")
    research.accept("call_new")
    assert research.listed() == [("call_new", True), ("call_between", False), ("call_old", True)]
    research.fail("call_old")
    assert research.listed() == [("call_old", False), ("call_new", True), ("call_between", False)]


def test_a_filter_finds_the_pending_ones(research: Research) -> None:
    """By their mark, and not among those of another outcome."""
    research.accept("call_a")
    research.fail("call_b")
    assert research.listed("is:pending") == [("call_a", True)]
    assert research.listed("outcome:failed") == [("call_b", False)]


def test_a_background_call_keeps_its_mark_when_it_has_ended(research: Research) -> None:
    """Its end does not say that it was one; its acceptance does: in the list, filtered, in the tail."""
    research.accept("call_a")
    research.fail("call_a")
    research.fail("call_b")
    assert research.marks() == {"call_a": True, "call_b": False}
    assert research.listed("is:background") == [("call_a", False)]
    assert research.tail_marks() == {"call_a": True, "call_b": False}
