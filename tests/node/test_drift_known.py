"""What a quarantined model's gold cases show again: counted, and no incident opened anew for it."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from peak_console.config.incidents import IncidentsConfig
from peak_console.domain.clock import ManualClock, unix_us
from peak_console.domain.drift import Signal
from peak_console.domain.events import EventDraft
from peak_console.domain.incidents import Auto
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.drifting_words import Detection
from peak_console.node.drifting import Drifting
from peak_console.node.triggers import Opening

if TYPE_CHECKING:
    from peak_console.node.state import NodeState

MODEL = "openai:gpt-5-mini"
SLOT = ("L2", "primary", "openai", "gpt-5-mini")
MISNAMED = Detection(Signal.SERVED_MODEL, SLOT, "another answered", 7, "gpt-5-mini-2026-11-01")


class Desk:
    """A node's memory of what is out of use, and what its trigger did."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events: list[EventDraft] = []
        self.quarantines = 0
        self.state = SimpleNamespace(quarantined=())
        self.opening = Opening(clock=self.clock, config=IncidentsConfig, append=self.append, acting=self)
        self.drifting = Drifting(cast("NodeState", self.state))

    async def append(self, drafts: Sequence[EventDraft]) -> None:
        """Record it."""
        self.events += drafts

    def stands(self, auto: Auto, scope: str) -> bool:
        """Whether it is out of use already."""
        return auto is Auto.QUARANTINE and scope.removeprefix("model:") in self.state.quarantined

    async def act(self, auto: Auto, alarm: Alarm, incident_id: str) -> str:
        """Take it out of use."""
        assert (auto, incident_id[:4]) == (Auto.QUARANTINE, "inc_")
        self.state.quarantined = (alarm.scope.removeprefix("model:"),)
        self.quarantines += 1
        return "out of use"

    async def see(self, *, new: bool, signal: Signal = Signal.SERVED_MODEL) -> None:
        """Drift is detected."""
        found = Detection(signal, SLOT, MISNAMED.summary, 7, MISNAMED.seen, new=new)
        self.drifting._tell_one(found, self.opening)
        await self.opening.settle()

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        """What was recorded of a kind."""
        return [one.body for one in self.events if one.kind == kind]


@pytest.fixture
def desk() -> Desk:
    """A model in use."""
    return Desk()


async def test_gold_cases_of_a_quarantined_model_quarantine_it_once(desk: Desk) -> None:
    """Its incident counts them while it is open; closed, none is opened anew by what is known already."""
    await desk.see(new=True)
    await desk.see(new=False)
    await desk.see(new=True, signal=Signal.CANARY)
    (opened,) = desk.bodies("incident.opened")
    assert (desk.quarantines, len(desk.bodies("drift.detected"))) == (1, 2)
    closed = {"incident_id": opened["incident_id"]}
    desk.opening.known.take("incident.closed", closed, unix_us(desk.clock.now()))
    desk.clock.advance(30 * 86_400)
    await desk.see(new=False)
    assert (desk.quarantines, len(desk.bodies("incident.opened"))) == (1, 1)
    await desk.see(new=True, signal=Signal.FINGERPRINT)
    assert len(desk.bodies("incident.opened")) == 2, "another sign is news"
    desk.state.quarantined = ()
    desk.clock.advance(30 * 86_400)
    await desk.see(new=False)
    assert desk.quarantines == 2, "a model in use that is known to have drifted is taken out"
