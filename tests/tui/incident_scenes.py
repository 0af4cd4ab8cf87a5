"""Incidents for tests and pictures: open and closed ones, whom to call, and keys that come to something."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from console_scenes import HOSTILE, NOW, scene

from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.operations.containing import Contained, StepDone
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.incident_desk import ActAsked
from peak_console.operations.views.incidents import (
    ContactLine,
    IncidentDetail,
    IncidentLine,
    IncidentsFacts,
    TimelineEntry,
)
from peak_console.operations.views.work import Progress
from peak_console.tui.containing import Asked

CARD = """# Budget runaway

Money is spent much faster than the budget allows.

1. Look at Calls under `layer:L3 since:10m`: which run asks, and for what.
2. If it is a loop, end its process; the layer is stopped already.
3. Seal what happened: **c** in the panel.

## Back to normal

- `peak enable --scope layer:L3`, once the cause is gone.
"""
RUNAWAY = IncidentLine(
    "inc_20261122_135844_k3v9",
    Trigger.BUDGET_RUNAWAY,
    IncidentState.OPEN,
    NOW - timedelta(minutes=6, seconds=25),
    "L3 burns its day's budget 14 times too fast: € 2.10 in 3 m, € 9.80 in 15 m",
    "layer:L3",
    "look at Calls of L3 for the last ten minutes and end the run that loops",
    next_key="6",
    cli="peak ledger tail --layer L3",
    scope="layer:L3",
    auto="stopped layer:L3",
    times=3,
    last_at=NOW - timedelta(seconds=50),
    seq=184_012,
)
LATENCY = replace(
    RUNAWAY,
    incident_id="inc_20261122_110212_m4t1",
    trigger=Trigger.LATENCY_SPIKE,
    state=IncidentState.ACKNOWLEDGED,
    opened_at=NOW - timedelta(hours=3),
    summary="openai gpt-5.2: p95 22.9 s against 6.4 s of the week before",
    next_action="wait for the provider; the breaker keeps calls away",
    scope="model:openai:gpt-5.2",
    auto="",
    acknowledged_by="mara",
    assignee="tom",
    times=1,
)
CLOSED = replace(
    LATENCY,
    incident_id="inc_20261119_081200_a1b2",
    trigger=Trigger.LAPSE,
    state=IncidentState.CLOSED,
    opened_at=NOW - timedelta(days=3),
    summary="no node renewed the lease for 41 s",
    closed_at=NOW - timedelta(days=2, hours=23),
    captured="audits/inc_20261119_081200_a1b2",
)
CONTACTS = (
    ContactLine("Mara Lind", "on duty: may stop and disarm", "+49 30 5550 101", "until Monday 08:00"),
    ContactLine("Tom Ode", "deputy", "#ops-oncall"),
)
_TIMELINE = (
    TimelineEntry(RUNAWAY.opened_at, "incident: budget_runaway", "14 times too fast", "node", 184_012, "bad"),
    TimelineEntry(RUNAWAY.opened_at, "layer:L3 stopped", "by itself", "node", 184_013, "bad"),
    TimelineEntry(NOW - timedelta(minutes=5), "2 workers acknowledged the stop", "", "node", 184_019, "ok"),
    TimelineEntry(NOW - timedelta(minutes=2), "noted", "it is run 20261122_135700_r3s8qk", "mara", 184_101),
    TimelineEntry(
        NOW - timedelta(seconds=9), "told failed", "hook pager · 503 · 3 tries", "node", 184_190, "warn"
    ),
)


def incident_source(name: str) -> FakeSource:
    """The source of a scene, ``open`` besides those of ``console_scenes``."""
    base = scene("normal" if name in {"open", "empty"} else name)
    facts = IncidentsFacts(NOW, contacts=CONTACTS, freshness=Freshness(NOW))
    if name in {"open", "alarming", "stale", "hostile"}:
        first = _hostile(RUNAWAY) if name == "hostile" else RUNAWAY
        lines = (first, LATENCY, CLOSED) if name != "alarming" else (RUNAWAY, CLOSED)
        facts = replace(facts, incidents=lines)
    if name == "normal":
        facts = replace(facts, incidents=(CLOSED,))
    if name == "empty":
        problem = "nobody is named in configs/console.toml: add [[contacts]]"
        facts = replace(facts, contacts=(), contacts_problem=problem)
    if name == "stale":
        facts = replace(facts, freshness=base.freshness)
    base.incidents_facts = facts
    base.bar_snapshot = replace(
        base.bar_snapshot,
        incidents=facts.open,
        stopped_scopes=("layer:L3",) if facts.open else (),
        workers_missing=("traffic (4711)",) if name == "alarming" else (),
    )
    base.incident_pages = {one.incident_id: _detail(one, facts) for one in facts.incidents}
    return base


def _hostile(one: IncidentLine) -> IncidentLine:
    return replace(one, summary=HOSTILE, next_action=HOSTILE, assignee=HOSTILE, scope=HOSTILE, cli=HOSTILE)


def _detail(one: IncidentLine, facts: IncidentsFacts) -> IncidentDetail:
    mine = one.trigger is Trigger.BUDGET_RUNAWAY
    return IncidentDetail(
        NOW,
        one,
        _TIMELINE if mine else _TIMELINE[:1],
        CARD if mine else "",
        ("layer:L3",) if mine else (one.scope,),
        ("20261122_135700_r3s8qk", "20261122_135500_zz81qm") if mine else (),
        facts.freshness,
    )


HELD = (
    StepDone("disarm", ok=True, detail="disarmed", at_ms=31, ms=31),
    StepDone("stop", ok=True, detail="STOPPED, read back", at_ms=44, ms=12),
    StepDone("record the stop", ok=True, detail="recorded as #184,221", at_ms=61, ms=17),
    StepDone("background", ok=True, detail="background work: none", at_ms=64, ms=2),
    StepDone(
        "capture", ok=True, detail="sealed audits/inc_20261122_135844_k3v9: 41 files", at_ms=2_310, ms=2_240
    ),
)
FULL = (
    StepDone(
        "disarm",
        ok=True,
        detail="everything is STOPPED, because disarm alone could not be made sure",
        remedy='find out why; to go on later: peak enable --reason "..." --confirm ENABLE',
        at_ms=1_034,
        ms=1_034,
    ),
    StepDone(
        "stop",
        ok=True,
        detail="STOPPED, read back; write STOP: No space left on device",
        remedy="free disk space; ENABLED is gone all the same, and the next node records the stop",
        at_ms=512,
        ms=9,
    ),
    StepDone("record the stop", ok=True, detail="not recorded yet (no node)", at_ms=2_540, ms=2_000),
    StepDone(
        "capture",
        ok=False,
        detail="No space left on device",
        remedy="free disk space, then: peak capture",
        at_ms=2_700,
        ms=120,
    ),
)


@dataclass
class FakeContainment:
    """Does nothing, and tells the steps it was given."""

    steps: tuple[StepDone, ...] = HELD
    why: str = ""
    asked: list[Asked] = field(default_factory=list)
    until: Callable[[], object] | None = None
    """Waited for before the capture, where there is one."""

    def contain(self, asked: Asked, told: Callable[[StepDone], object]) -> Contained:
        """Tell the steps of what is asked for."""
        self.asked.append(asked)
        for one in self.steps:
            beside = one.name in {"record the stop", "background"} and "stop" in asked.names
            if one.name in asked.names or beside:
                if one.name == "capture" and self.until is not None:
                    self.until()
                told(one)
        return Contained("inc_x", opened=False, steps=self.steps, recorded=not self.why, why=self.why)


@dataclass
class FakeDesk:
    """Keeps what it was asked."""

    acts: list[ActAsked] = field(default_factory=list)
    tested: int = 0
    drilled: int = 0
    error: Exception | None = None

    def act(self, asked: ActAsked) -> str:
        """Keep it, or raise what is to be raised."""
        self.acts.append(asked)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return f"{asked.act}: recorded"

    def test_alert(self, progress: Progress) -> str:
        """Count it."""
        progress("test alert: pager", 1, 0)
        self.tested += 1
        return "test alert opened"

    def drill(self, progress: Progress) -> str:
        """Count it."""
        self.drilled += 1
        progress("stop", 1, 3)
        return "drill held: disarm 12 ms, stop 9 ms, capture 1.2 s"
