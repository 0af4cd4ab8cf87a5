"""Shadow for tests and pictures: jobs, cycles, drift, readiness in states that a person can name."""

# ruff: noqa: E501 - tables of made-up figures read better in one line

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from console_driving import make_app
from console_scenes import HOSTILE, NOW, scene

from peak_console.domain.clock import unix_us
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.domain.trading import (
    GateLimits,
    GatePosture,
    Market,
    OrderIntent,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    Side,
)
from peak_console.domain.vocabulary import Phase
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.readiness import Readiness
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.run_detail import EventDetail, RunDetail
from peak_console.operations.views.shadow import (
    BookLine,
    CheckLine,
    CycleFigures,
    CycleLine,
    DriftLine,
    DriftState,
    GoldSince,
    JobLine,
    JobRunLine,
    JobState,
    ShadowFacts,
    StreamLine,
)
from peak_console.operations.views.shadow_desk import JobAbout
from peak_console.operations.views.timeline import Mark, TimelineLine
from peak_console.operations.views.work import Cancelled, Progress, WorkCancelled
from peak_console.risk.document import inputs_document
from peak_console.tui.app import PeakApp

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALARM = 10.597
LAST = JobRunLine(
    "eurusd-hourly@2026-11-22T13:05:00Z",
    "eurusd-hourly",
    RunState.DONE,
    NOW - HOUR,
    RunCause.DUE,
    "20261122_130502_a1b2c3",
    NOW - HOUR + 2 * SECOND,
    NOW - HOUR + 21 * SECOND,
    "would_block",
)
UNDER_WAY = JobRunLine(
    "eurusd-15m@2026-11-22T14:05:00Z",
    "eurusd-15m",
    RunState.RUNNING,
    NOW - 9 * SECOND,
    RunCause.DUE,
    "20261122_140501_d4e5f6",
    NOW - 8 * SECOND,
    step="critic of L3",
)
FAILED = JobRunLine(
    "canary-nightly@2026-11-22T03:30:00Z",
    "canary-nightly",
    RunState.TIMED_OUT,
    NOW - 10 * HOUR,
    RunCause.DUE,
    "",
    NOW - 10 * HOUR,
    NOW - 10 * HOUR + 600 * SECOND,
    "timed_out",
    "it hung and was ended at its timeout of 600 s",
)
ASKED = replace(
    LAST,
    key="eurusd-hourly@2026-11-22T12:40:11.120000Z",
    due_at=NOW - 2 * HOUR,
    cause=RunCause.ASKED,
    asked_by="mara",
    outcome="would_allow",
    run_id="20261122_124011_g7h8i9",
)
JOBS = (
    JobLine(
        "eurusd-hourly",
        JobKind.SHADOW_CYCLE,
        JobState.WAITING,
        "5 * * * 1-5",
        "Europe/Berlin",
        NOW + 55 * MINUTE,
        LAST,
        (),
        412,
        1,
        2,
        0,
        31.0,
        ("fx",),
        "an hour of EUR/USD",
    ),
    JobLine(
        "eurusd-15m",
        JobKind.SHADOW_CYCLE,
        JobState.RUNNING,
        "every 15m",
        "UTC",
        NOW + 9 * MINUTE,
        replace(LAST, job="eurusd-15m", outcome="no_trade", ended_at=NOW - 14 * MINUTE),
        (UNDER_WAY,),
        1_604,
        0,
        0,
        0,
        24.0,
    ),
    JobLine(
        "canary-nightly",
        JobKind.CANARY,
        JobState.WAITING,
        "daily 03:30",
        "Europe/Berlin",
        NOW + 12 * HOUR,
        replace(FAILED, state=RunState.DONE, outcome="passed", detail=""),
        (),
        31,
        0,
        0,
        0,
        48.0,
    ),
    JobLine("two-sample", JobKind.TWO_SAMPLE, JobState.ON_DEMAND, "", "UTC", None, None),
)


def _cycle(
    at: int, outcome: str, reasons: tuple[str, ...] = (), idea: str = "buy 800 EUR/USD", critic: str = "PASS"
) -> CycleLine:
    moment = NOW - at * 15 * MINUTE - 20 * SECOND
    return CycleLine(
        f"20261122_{moment:%H%M%S}_c{at:05d}", 184_200 - 40 * at, moment, "eurusd-15m", "EUR/USD", outcome, reasons,
        as_of=moment - 6 * MINUTE, idea=idea, outlook="base 55, up 30, down 15; confidence 62; view up", critic=critic,
        cost_eur=Decimal("0.0412"), duration_s=18.0 + at % 5, models=("openai:gpt-5.2", "openai:gpt-5.2-pro", "google:gemini-2.5-pro"),
    )  # fmt: skip


CYCLES = (
    _cycle(1, "no_trade", idea=""),
    _cycle(2, "would_allow"),
    _cycle(3, "would_block", ("max_position", "max_exposure"), "buy 1,200 EUR/USD"),
    _cycle(4, "would_block", ("critic_not_passed",), critic="FAIL"),
    _cycle(5, "would_allow", idea="sell 400 EUR/USD"),
    _cycle(6, "would_block", ("stale_data",)),
    _cycle(7, "aborted", ("stopped",), "", ""),
    _cycle(8, "would_block", ("daily_loss", "drawdown", "order_rate")),
    _cycle(9, "review_required", ("outlook_malformed",), "", "needs_review"),
    *(
        _cycle(at, "would_allow" if at % 3 else "would_block", () if at % 3 else ("max_position",))
        for at in range(10, 60)
    ),
)
BOOK = BookLine(
    "shadow",
    Decimal("100412.55"),
    Decimal("-38.20"),
    Decimal("0.41"),
    (("EUR/USD", Decimal(1200)),),
    Decimal("7.31"),
    91,
    NOW - 20 * SECOND,
)


def _streams(hot: float = 0.0) -> tuple[StreamLine, ...]:
    return (
        StreamLine("critic_fail", 1_204, 31, 2.4, 0.6, ALARM),
        StreamLine("format_fail", 1_204, 12 if hot else 2, 0.4, hot or 0.2, ALARM, hot >= ALARM),
        StreamLine("refusal", 1_204, 0, 0.3, 0.0, ALARM),
        StreamLine("fallback", 1_204, 9, None, 0.0, ALARM),
        StreamLine("latency", 1_204, 66, 5.0, 1.9, ALARM),
        StreamLine("cost", 1_204, 58, 5.0, 0.8, ALARM),
    )


CANARY = CheckLine(NOW - 10 * HOUR, ok=True, detail="12/12", seq=183_000)
DRIFT = (
    DriftLine(
        "openai",
        "gpt-5.2",
        ("L2.primary", "L4.critic"),
        DriftState.OK,
        ("gpt-5.2-2025-12-11",),
        3,
        (),
        _streams(),
        CANARY,
        None,
        last_answer_at=NOW - 12 * SECOND,
    ),
    DriftLine(
        "openai",
        "gpt-5.2-pro",
        ("L3.primary",),
        DriftState.OK,
        ("gpt-5.2-pro-2025-12-11",),
        2,
        (),
        _streams(),
        CANARY,
        None,
        last_answer_at=NOW - 40 * SECOND,
    ),
    DriftLine(
        "google",
        "gemini-2.5-pro",
        ("L2.critic", "L4.primary"),
        DriftState.UNKNOWN,
        (),
        0,
        (),
        (StreamLine("critic_fail", 0, 0, None, 0.0, ALARM),),
        None,
        None,
    ),
)
QUARANTINED = replace(
    DRIFT[0], state=DriftState.QUARANTINED, unexpected=("gpt-5.2-2026-02-01",), served=("gpt-5.2-2025-12-11", "gpt-5.2-2026-02-01"),
    canary=CheckLine(NOW - 3 * MINUTE, ok=False, detail="9/12", seq=184_150), two_sample=CheckLine(NOW - 2 * MINUTE, ok=False, detail="p 0.0005", seq=184_160),
    why="served model gpt-5.2-2026-02-01 is not the one that was locked (gpt-5.2-2025-12-11)", since=NOW - 4 * MINUTE, incident_id="inc_20261122_140105_d1f2", streams=_streams(12.1),
    gold_since=GoldSince(1, 12, 9, NOW - 3 * MINUTE),
)  # fmt: skip
WATCHED = replace(DRIFT[1], state=DriftState.WATCH, streams=_streams(8.2))


def _criteria(*, good: bool) -> tuple[CriterionResult, ...]:
    green, red, none = CriterionStatus.GREEN, CriterionStatus.RED, CriterionStatus.NO_EVIDENCE
    return (
        CriterionResult(
            "shadow_days",
            "days in shadow",
            green if good else red,
            "16 days" if good else "9 days",
            "at least 14 days",
            40.0,
            "ledger #120,001 to #184,220",
            "go on: the node runs the cycles",
        ),
        CriterionResult(
            "shadow_cycles", "finished cycles", green, "1,604", "at least 500", 40.0, "window of 14 days"
        ),
        CriterionResult(
            "policy_incidents",
            "policy incidents in the window",
            green if good else red,
            "0" if good else "1",
            "none",
            40.0,
            "peak incident list",
            "close it, and wait out the window",
        ),
        CriterionResult(
            "budget",
            "cost within the budget",
            green,
            "€ 4.81 of € 50 a day",
            "100 %",
            40.0,
            "window of 14 days",
        ),
        CriterionResult(
            "stop_drill",
            "the stop was drilled",
            red,
            "36 days ago",
            "at most 30 days ago",
            3_110_400.0,
            "ledger #90,112",
            "peak incident drill stop",
        ),
        CriterionResult(
            "gate_stats",
            "the gate agreed with its replay",
            none,
            "never replayed",
            "every decision",
            None,
            "peak gate replay",
            "peak gate replay",
        ),
    )


def _ready(*, good: bool) -> Readiness:
    return Readiness(Phase.TESTNET, Phase.SHADOW, NOW - 40 * SECOND, _criteria(good=good), "ab" * 32)


FACTS = ShadowFacts(
    NOW, JOBS, (UNDER_WAY, LAST, ASKED, FAILED), CYCLES, CycleFigures(59, 30, 25, 2, 1, (("max_position", 19),)), (BOOK,), DRIFT,
    _ready(good=True), scheduler="next at 14:15Z", freshness=Freshness(NOW),
)  # fmt: skip


def facts(name: str) -> ShadowFacts:
    """The facts of a scene."""
    match name:
        case "empty":
            return ShadowFacts(
                NOW,
                readiness_problem="configs/readiness.toml says nothing of testnet",
                freshness=Freshness(NOW),
            )
        case "alarming":
            jobs = (
                replace(
                    JOBS[0],
                    state=JobState.PAUSED,
                    note="paused by tom: data of the broker is wrong",
                    missed=4,
                ),
                replace(JOBS[1], state=JobState.HELD, note="calls are not permitted (stopped)", running=()),
                replace(JOBS[2], last=FAILED, failed=1),
                replace(JOBS[3], name="old-canary", state=JobState.GONE, note="renamed to canary-nightly"),
            )
            return replace(
                FACTS,
                jobs=jobs,
                drift=(*DRIFT[2:], WATCHED, QUARANTINED),
                readiness=_ready(good=False),
                scheduler="held: calls are not permitted",
            )
        case "stale":
            return replace(FACTS, freshness=Freshness(NOW - 252 * SECOND, "the ledger is not readable"))
        case "no-node":
            lines = tuple(replace(one, state=JobState.UNKNOWN, running=(), next_at=None) for one in JOBS)
            return replace(
                FACTS, jobs=lines, scheduler="", problem="no node tells of jobs; start it: peak node start"
            )
        case "replay":
            return replace(FACTS, cycles=tuple(replace(one, replayed=True) for one in CYCLES))
        case "hostile":
            job = replace(
                JOBS[1],
                note=HOSTILE,
                description=HOSTILE,
                schedule=HOSTILE,
                timezone=HOSTILE,
                running=(replace(UNDER_WAY, step=HOSTILE),),
            )
            cycle = replace(
                CYCLES[2],
                reasons=(HOSTILE,),
                idea=HOSTILE,
                outlook=HOSTILE,
                critic=HOSTILE,
                instrument=HOSTILE,
            )
            drift = replace(
                QUARANTINED,
                why=HOSTILE,
                served=(HOSTILE,),
                unexpected=(HOSTILE,),
                canary=CheckLine(NOW, ok=False, detail=HOSTILE, seq=184_150),
            )
            return replace(
                FACTS,
                jobs=(job,),
                cycles=(cycle,),
                drift=(drift,),
                scheduler=HOSTILE,
                problem=HOSTILE,
                books=(replace(BOOK, name=HOSTILE),),
            )
    return FACTS


BODY = {
    "job": "eurusd-15m", "key": UNDER_WAY.key, "instrument": "EUR/USD", "outcome": "would_block", "reasons": ["max_position", "max_exposure"],
    "as_of": "2026-11-22T13:00:00Z", "taken_at": "2026-11-22T13:19:40Z", "replayed": False, "stale": False,
    "source": {"kind": "file", "name": "data/eurusd_1h.csv", "digest": "9f" * 32, "bars": 48, "bar_s": 3600, "close": "1.0850", "gaps": 0},
    "outlook": {"call_id": "call_1", "seq": 184_061, "confidence": "medium", "scenarios": [
        {"name": "drifts up", "probability_pct": 55, "closes_from": "1.0860", "closes_below": None},
        {"name": "stays", "probability_pct": 30, "closes_from": "1.0810", "closes_below": "1.0860"},
        {"name": "falls back", "probability_pct": 15, "closes_from": None, "closes_below": "1.0810"},
    ]},
    "hypothesis": {"call_id": "call_2", "seq": 184_066, "view": "up", "conviction": "medium", "invalidation_level": "1.0790"},
    "critic": {"verdict": "PASS", "degraded": False, "reports": [{"layer": "L2", "judge": "L4", "verdict": "PASS", "seq": 184_063}, {"layer": "L3", "judge": "L4", "verdict": "PASS", "seq": 184_068}]},
    "sod_ok": True, "sod_detail": "", "gate": {"event_id": "ev_1", "verdict": "BLOCK", "reasons": ["max_position", "max_exposure"]},
    "intent": {"side": "buy", "quantity": "1200", "instrument": "EUR/USD", "order_type": "market"}, "no_intent": "", "fill": None,
    "exits": [], "review": [{"run_id": "20261122_050000_c00037", "happened": "drifts up", "probability_pct": 50}],
    "book": {"name": "shadow", "state": {"equity_eur": "100412.55", "fees_eur": "7.31", "positions": [["EUR/USD", "800", "1.0850"]]}},
    "models": [{"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5.2", "served": "gpt-5.2-2025-12-11", "fallback": False}],
    "steps": [{"what": "snapshot", "ms": 12}, {"what": "outlook", "ms": 8_210}, {"what": "gate", "ms": 2}], "cost_eur": "0.0412", "duration_ms": 18_400,
    "notes": [], "problem": "",
}  # fmt: skip
CANARY_BODY = {
    "tier": "canary",
    "cases": 12,
    "passed": 9,
    "ok": False,
    "failures": [
        {"id": "sum-of-two", "why": "expected 41, got 42"},
        {"id": "iso-date", "why": f"not a date: {HOSTILE}"},
    ],
}


def _gate_inputs() -> dict[str, object]:
    """What the gate decided on: a position that grows beyond its limit."""
    now_us = unix_us(CYCLES[2].at)
    price, eur = Decimal("1.0850"), Decimal("0.92")
    return inputs_document(
        OrderIntent("idea-1", CYCLES[2].run_id, "EUR/USD", Side.BUY, Decimal(1200)),
        Portfolio(
            (Position("EUR/USD", Decimal(800), price),),
            Decimal("100412.55"),
            Decimal(100825),
            Decimal("-38.2"),
        ),
        (),
        (RecentOrder("idea-0", now_us - 20_000_000),),
        GateLimits(
            Decimal(2000),
            Decimal(1500),
            Decimal(1000),
            Decimal(1800),
            5,
            3,
            500,
            Decimal(1),
            7200,
            2_592_000,
            Decimal(500),
            Decimal(5),
        ),
        Market(now_us, {"EUR/USD": Quote("EUR/USD", price, now_us - 60_000_000, eur, now_us - 60_000_000)}),
        GatePosture(calls=True, critic_passed=True, sod_ok=True),
    )


def shadow_source(name: str) -> FakeSource:
    """The source of a scene."""
    source = scene({"empty": "empty", "hostile": "hostile"}.get(name, "normal"))
    source.bar_snapshot = replace(source.bar_snapshot, simulated=False, phase="shadow")
    source.shadow_facts = facts(name)
    cycle = CYCLES[2]
    gate = TimelineLine(cycle.seq - 1, cycle.at, 0.0, EventKind.GATE_DECIDED.value, Mark.GATE, "gate")
    source.run_pages = {cycle.run_id: RunDetail(cycle.run_id, events=(gate,), freshness=Freshness(NOW))}

    def event(seq: int, kind: str, body: dict[str, object]) -> EventDetail:
        return EventDetail(seq, kind, cycle.at, {"body": body}, freshness=Freshness(NOW))

    source.event_pages = {
        cycle.seq: event(cycle.seq, EventKind.SHADOW_CYCLE_FINISHED.value, BODY),
        cycle.seq - 1: event(cycle.seq - 1, EventKind.GATE_DECIDED.value, {"inputs": _gate_inputs()}),
        184_150: event(184_150, EventKind.DRIFT_CHECKED.value, CANARY_BODY),
    }
    return source


@dataclass(slots=True)
class MadeUpShadowDesk:
    """Keeps what it was asked; a run ends as it was told once it may."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    refusal: PeakError | None = None
    may_end: threading.Event = field(default_factory=threading.Event)
    ended: JobRunLine = LAST

    def about(self, job: str, now: datetime) -> JobAbout:
        """Settings of every job alike."""
        due = tuple(now + (55 + 60 * at) * MINUTE for at in range(5))
        settings = (
            ("timeout_s", "600"),
            ("catch_up", "none"),
            ("max_instances", "1"),
            ("budget.max_cost_eur", "0.50"),
            ("shadow_cycle.instrument", "EUR/USD"),
            ("shadow_cycle.sizing.risk_eur", "50"),
        )
        return JobAbout(settings, () if job == "two-sample" else due)

    def _keep(self, *words: str) -> None:
        self.asked.append(words)
        if self.refusal is not None:
            raise self.refusal

    def run_now(self, job: str, reason: str, operator: str) -> str:
        """A key."""
        self._keep("run", job, reason, operator)
        return f"{job}@2026-11-22T14:05:09.000000Z"

    def watch(self, key: str, progress: Progress, cancelled: Cancelled) -> JobRunLine:
        """Tell a step, then wait until it may end."""
        progress("outlook of L2", 0, 0)
        while not self.may_end.wait(0.005):
            if cancelled():
                raise WorkCancelled("it is not waited for any more")
        return replace(self.ended, key=key, job=key.partition("@")[0])

    def cancel(self, key: str, reason: str, operator: str) -> str:
        """Cancelled."""
        self._keep("cancel", key, reason, operator)
        return "its run is being ended"

    def pause(self, job: str, reason: str, operator: str) -> str:
        """Paused."""
        self._keep("pause", job, reason, operator)
        return f"{job} is paused, on record as #184,221; u resumes it"

    def resume(self, job: str, reason: str, operator: str) -> str:
        """Resumed."""
        self._keep("resume", job, reason, operator)
        return f"{job} runs again by its schedule"

    def release(self, model: str, reason: str, operator: str) -> str:
        """Released."""
        self._keep("release", model, reason, operator)
        return f"{model} may be asked again"


def shadow_app(
    name: str, *, readonly: bool = False, root: Path = Path("eurusd-desk")
) -> tuple[PeakApp, MadeUpShadowDesk]:
    """The console over a scene, and its desk."""
    app, desk = make_app(shadow_source(name), root=root, readonly=readonly), MadeUpShadowDesk()
    app.opening = replace(app.opening, shadow_desk=desk)
    return app, desk
