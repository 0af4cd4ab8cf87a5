"""Whether an alarm opens an incident: one for each cause, a quiet time, and what waits for the ledger."""

import asyncio
from collections.abc import Sequence

import pytest

from peak_console.config.incidents import IncidentsConfig
from peak_console.domain.clock import ManualClock, unix_us
from peak_console.domain.errors import ControlRefused, LedgerUnavailable
from peak_console.domain.events import EventDraft
from peak_console.domain.incidents import Auto, Trigger
from peak_console.incidents.alarm import Alarm
from peak_console.node.triggers import Opening


class Desk:
    """A ledger that can be out of order, and what was done by itself."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events: list[EventDraft] = []
        self.acts: list[tuple[Auto, str]] = []
        self.standing: set[str] = set()
        self.broken = False
        self.refuses = False
        self.opening = Opening(clock=self.clock, config=IncidentsConfig, append=self.append, acting=self)

    async def append(self, drafts: Sequence[EventDraft]) -> None:
        """Record, and fold as the projection does."""
        if self.broken:
            raise LedgerUnavailable("full", code="ledger_full")
        self.events += drafts
        for one in drafts:
            self.opening.known.take(one.kind, one.body, unix_us(self.clock.now()))

    def stands(self, auto: Auto, scope: str) -> bool:
        """Whether it was done."""
        return scope in self.standing and auto is not Auto.NONE

    async def act(self, auto: Auto, alarm: Alarm, incident_id: str) -> str:
        """Do it."""
        assert incident_id.startswith("inc_")
        if self.refuses:
            raise ControlRefused("no", code="refused")
        self.acts.append((auto, alarm.scope))
        self.standing.add(alarm.scope)
        return "done"

    async def fire(self, trigger: Trigger = Trigger.POLICY_VIOLATION, cause: str = "layer:L2") -> str | None:
        """An alarm, and all it sets off."""
        found = self.opening.open(trigger, cause, "layer:L2", "it happened", {"n": 1})
        await self.opening.settle()
        return found

    def kinds(self) -> list[str]:
        """What was recorded, without what a trigger did."""
        return [one.kind for one in self.events]

    def close(self, incident_id: str) -> None:
        """An operator closes it."""
        self.opening.known.take("incident.closed", {"incident_id": incident_id}, unix_us(self.clock.now()))


@pytest.fixture
def desk() -> Desk:
    """An empty one."""
    return Desk()


async def test_one_incident_for_a_cause_and_its_times_are_counted(desk: Desk) -> None:
    """A second alarm opens nothing; another cause does; the count is recorded, once a minute at most."""
    first = await desk.fire()
    assert await desk.fire() == first
    assert await desk.fire(cause="layer:L3") != first
    assert desk.kinds().count("incident.opened") == 2
    desk.opening.tick()
    await desk.opening.settle()
    seen = [one.body for one in desk.events if one.body.get("action") == "seen"]
    assert [(one["incident_id"], one["times"]) for one in seen] == [(first, 2)]
    desk.clock.advance(61)
    desk.opening.tick()
    await desk.opening.settle()
    assert sum(one.body.get("action") == "seen" for one in desk.events) == 1, "nothing changed"


async def test_after_a_close_it_is_quiet_for_a_while(desk: Desk) -> None:
    """Then the same cause opens a new one."""
    first = await desk.fire()
    desk.close(str(first))
    desk.clock.advance(899)
    assert await desk.fire() is None
    desk.clock.advance(2)
    second = await desk.fire()
    assert second not in {None, first}


async def test_the_quiet_time_keeps_nothing_from_acting(desk: Desk) -> None:
    """Closed and lifted: a new occurrence is stopped at once, in an incident of its own."""
    told: list[str] = []
    desk.opening.on_acting.append(lambda: told.append("acts"))
    first = await desk.fire()
    desk.close(str(first))
    assert await desk.fire() is None, "the stop stands: nobody is told again"
    desk.standing.clear()
    desk.opening.open(Trigger.POLICY_VIOLATION, "layer:L2", "layer:L2", "still", seen=0)
    await desk.opening.settle()
    assert len(desk.acts) == 1, "that it still stands is no occurrence"
    second = await desk.fire()
    assert second not in {None, first}
    assert desk.acts == [(Auto.STOP_SCOPE, "layer:L2")] * 2
    assert desk.kinds().count("incident.opened") == 2
    assert await desk.fire() == second, "it is open now"
    quiet = await desk.fire(Trigger.LATENCY_SPIKE, "m")
    desk.close(str(quiet))
    assert await desk.fire(Trigger.LATENCY_SPIKE, "m") is None, "where nothing is to happen it is quiet"
    assert told == ["acts"] * 2, "who waits to be armed is told, where something happens by itself"


async def test_it_acts_first_once_and_again_where_it_was_lifted(desk: Desk) -> None:
    """What stands is not done twice; lifted while the incident is open, a new occurrence does it again."""
    await desk.fire()
    await desk.fire()
    assert desk.acts == [(Auto.STOP_SCOPE, "layer:L2")]
    desk.standing.clear()
    desk.opening.open(Trigger.POLICY_VIOLATION, "layer:L2", "layer:L2", "still", seen=0)
    await desk.opening.settle()
    assert len(desk.acts) == 1, "that it still stands is no occurrence"
    await desk.fire()
    assert len(desk.acts) == 2


async def test_a_ledger_that_is_full_neither_keeps_it_from_acting_nor_loses_it(desk: Desk) -> None:
    """It acts, waits, and records in order once the ledger takes it."""
    desk.broken = True
    await desk.fire()
    assert desk.acts
    assert desk.opening.waiting == 2
    desk.broken = False
    desk.opening.tick()
    await desk.opening.settle()
    assert desk.kinds() == ["incident.opened", "incident.action_taken"]


async def test_an_act_that_fails_is_told(desk: Desk) -> None:
    """With its reason code; the incident stands all the same."""
    desk.refuses = True
    await desk.fire()
    acted = [one.body for one in desk.events if one.kind == "incident.action_taken"]
    assert [(one["ok"], one["detail"]) for one in acted] == [(False, "refused: no")]
    assert "incident.opened" in desk.kinds()


async def test_a_trigger_that_is_off_and_one_that_only_tells(desk: Desk) -> None:
    """Off opens nothing; one without an act does nothing."""
    off = IncidentsConfig.model_validate({"lapse": {"enabled": False}})
    opening = Opening(clock=desk.clock, config=lambda: off, append=desk.append, acting=desk)
    assert opening.open(Trigger.LAPSE, "node", "global", "gone") is None
    await desk.fire(Trigger.LATENCY_SPIKE)
    assert not desk.acts
    (event,) = desk.events
    assert event.body["auto"] == "none"
    assert event.body["next_action"]


async def test_it_never_raises(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a caller hands in, and whatever is recorded of foreign text."""
    assert desk.opening.open(Trigger.LAPSE, None, "x", "y") is None  # type: ignore[arg-type]
    assert "could not be opened" in caplog.text
    await desk.fire(Trigger.LAPSE, "evil\x1b[2Jcause\n" * 50)
    cause = desk.events[0].body["cause"]
    assert "\x1b" not in cause
    assert "\n" not in cause
    await asyncio.sleep(0)
