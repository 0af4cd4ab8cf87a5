"""A workspace with a short past, and a console on it: an enable, calls, failures, a denial, a stop."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.control.history import enable_draft, stop_draft
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import text_from_nano
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.views.replay_clock import ReplayClock, ReplaySpan
from peak_console.operations.views.replay_source import ReplaySource
from peak_console.tui.app import Opening, PeakApp
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.settings import Settings

BEGIN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
STOP_AT = BEGIN + timedelta(minutes=12, seconds=44)
END = BEGIN + timedelta(minutes=20)
_SLOT = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5.2"}


class Past:
    """Writes a past, event by event."""

    def __init__(self, root: Path) -> None:
        (root / "configs").mkdir(parents=True)
        (root / "audits" / "control").mkdir(parents=True, mode=0o700)
        self.ws = Workspace(root)
        self._clock = ManualClock(BEGIN)
        self._writer = LedgerWriter(self.ws.ledger, clock=self._clock, projections=[Rollups()])
        self._number = 0

    def at(self, moment: datetime) -> "Past":
        """What follows happens at ``moment``."""
        self._clock.advance((moment - self._clock.now()).total_seconds())
        return self

    def tell(self, *drafts: EventDraft) -> "Past":
        """Write events."""
        wrong = [
            one
            for one in self._writer.append([(one, "mara") for one in drafts])
            if isinstance(one, Exception)
        ]
        assert not wrong, wrong
        return self

    def event(self, kind: EventKind, **body: object) -> "Past":
        """Write an event of the node's."""
        self._number += 1
        return self.tell(EventDraft(f"ev_{self._number}", kind.value, body))

    def call(self, number: int, *, fails: bool = False) -> "Past":
        """Write a call."""
        where = {**_SLOT, "call_id": f"call_{number:04d}", "run_id": f"20261122_0300_{number // 10:03d}"}
        asked = {
            "hop": 1,
            "asked_role": "primary",
            "request_hash": "aa",
            "bound_eur": text_from_nano(50_000_000),
            "bound_tokens": 4000,
            "simulated": True,
            "route": [],
        }
        attempt = {"number": 1, "reason": "server_error" if fails else "ok", "status": 500 if fails else 200}
        ended = {
            "hop": 1,
            "cost_eur": text_from_nano(0 if fails else 12_000_000),
            "cost_basis": "none" if fails else "usage",
            "latency_us": 2_000_000 + 10_000 * number,
            "attempts": [{**attempt, "latency_us": 2_000_000, "waited_ms": 0}],
        }
        failed = {**ended, "reason": "server_error", "outcome": "next_candidate", "detail": ""}
        done = {**ended, "outcome": "ok", "usage": {"input": 900, "output": 250}, "finish": "stop"}
        kind = EventKind.CALL_FAILED if fails else EventKind.CALL_COMPLETED
        return self.tell(
            EventDraft(f"ev_r{number}", EventKind.CALL_REQUESTED.value, asked, **where),
            EventDraft(f"ev_c{number}", kind.value, failed if fails else done, **where),
        )

    def close(self) -> Workspace:
        """End; gives the workspace."""
        self._writer.close()
        return self.ws


def make_past(root: Path) -> Workspace:
    """A workspace at ``root`` whose ledger goes from 03:00 to 03:20 and was stopped at 03:12:44."""
    past = Past(root)
    genesis = {"simulated": True, "version": "0", "sqlite_version": "3", "made_by": "test"}
    past.tell(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED.value, genesis))
    past.at(BEGIN + timedelta(seconds=30)).event(EventKind.NODE_STARTED, session="s1", pid=4242, digests={})
    enabled = enable_draft(
        "ev_enable", reason="watch the open", operator="mara", after_stop=None, after_event=None
    )
    past.at(BEGIN + timedelta(minutes=1)).tell(enabled)
    for number in range(60):
        past.at(BEGIN + timedelta(minutes=2, seconds=10 * number)).call(number, fails=number in {40, 41})
    past.at(BEGIN + timedelta(minutes=12, seconds=10))
    past.event(
        EventKind.POLICY_DENIED, rule="forbidden_model", field="model", subject="gpt-x", where="client"
    )
    past.at(STOP_AT).tell(stop_draft("st_1", reason="too many errors", operator="mara"))
    past.at(END).event(EventKind.NODE_STOPPED, session="s1", reason="asked to end")
    return past.close()


def make_replay(
    ws: Workspace, moment: datetime = BEGIN, *, seconds: Callable[[], float] = lambda: 0.0
) -> PeakApp:
    """The console on all of that past, held at ``moment``; it reads on demand only."""
    clock = ReplayClock(ReplaySpan(BEGIN, END), seconds=seconds)
    clock.seek(moment)
    clock.latch()
    return PeakApp(
        Opening(
            lambda: ReplaySource(ws, clock, environ={}),
            ws,
            clock=clock,
            settings=Settings(zone=UTC),
            flags=BarFlags(replay=True),
            replay=clock,
            refresh=False,
        )
    )
