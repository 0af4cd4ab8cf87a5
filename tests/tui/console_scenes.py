"""Scenes for snapshot tests and pictures: a source over made-up, seeded figures, at a frozen moment.

``scene(name)`` gives the source; the names are the states a person can tell apart: ``empty``, ``normal``,
``alarming``, ``stale``, ``broken`` (configs), ``hostile`` (foreign text that tries to escape), ``research`` (background
work, repairs, settled bills).
"""

# ruff: noqa: E501, FBT003 - tables of made-up figures read better in one line

import hashlib
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from peak_console.domain.clock import ManualClock
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views import alerts as alerting
from peak_console.operations.views.bar import (
    BarSnapshot,
    BudgetLine,
    ConfigFinding,
    LedgerHead,
    NodeFacts,
)
from peak_console.operations.views.breakers import BreakerLine, BreakerState, RateLine
from peak_console.operations.views.call_detail import (
    Acceptance,
    AttemptLine,
    BudgetNote,
    CallDetail,
    ChainPlace,
    DenialLine,
    HopFacts,
    JudgementLine,
    LoggedText,
    RouteStep,
    Settlement,
)
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.live import KeyFigures, LiveSeries, LiveSnapshot, Slot, SlotRow, Window
from peak_console.operations.views.log import LogLine

NOW = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
NANO = 1_000_000_000
SCENES = ("empty", "normal", "alarming", "stale", "broken", "hostile")
HOSTILE = "gpt-\x1b]52;c;aGFja2Vk\x07[/nope][red]\x1b[2J\u202e\x9b31mx"

SLOTS = (
    Slot("L0", "primary", "openai", "gpt-5-nano"),
    Slot("L0", "critic", "google", "gemini-2.5-flash-lite"),
    Slot("L1", "primary", "openai", "gpt-5-mini"),
    Slot("L1", "fallback", "google", "gemini-2.5-flash"),
    Slot("L2", "primary", "openai", "gpt-5.2"),
    Slot("L2", "critic", "google", "gemini-2.5-pro"),
    Slot("L2", "fallback", "google", "gemini-2.5-pro"),
    Slot("L3", "primary", "openai", "gpt-5.2-pro"),
    Slot("L4", "primary", "google", "gemini-2.5-pro"),
    Slot("L4", "critic", "openai", "gpt-5.2"),
)
_WEIGHT = (620, 40, 180, 9, 210, 88, 14, 96, 102, 11)
_FALLBACK_PCT = {"primary": {"L1": 4.8, "L2": 6.3}}
_P50 = (410, 520, 2100, 2400, 3200, 2300, 3500, 4800, 2700, 3000)


def bar(name: str) -> BarSnapshot:
    """The posture bar of a scene."""
    posture = Posture(
        PostureState.DISARMED,
        calls=True,
        orders=Orders.NONE,
        reasons=("enabled",),
        since=NOW - timedelta(hours=3),
        age_ms=400,
    )
    ledger = LedgerHead(
        184_220,
        "9f" * 32,
        verified=True,
        last_event_at=NOW - timedelta(seconds=2),
        size=91_000_000,
        freshness=Freshness(NOW),
    )
    day = BudgetLine("day", "day:2026-11-22", None, "eur", 4_812_000_000, 21_000_000, 50 * NANO)
    good = BarSnapshot(
        NOW,
        posture,
        Freshness(NOW),
        phase="bootstrap",
        ledger=ledger,
        budgets=(day,),
        budget_day=day,
        workspace="eurusd-desk",
        root="eurusd-desk",
        host="ops-1",
        operator="mara",
        simulated=True,
        node=NodeFacts(running=True, pid=4242, session="s1", started_at=NOW - timedelta(hours=3)),
        ai_enabled=True,
        sqlite_version="3.51.3",
    )
    return _BARS.get(name, lambda one: one)(replace(good, breakers=breakers(name)))


def breakers(name: str) -> tuple[BreakerLine, ...]:
    """The providers' breakers of a scene, with what their providers said of rate limits."""
    if name == "empty":
        return ()
    late = timedelta(seconds=252 if name == "stale" else 3)

    def rate(requests: int, tokens: int | None, reset_s: float, age: timedelta = late) -> RateLine:
        most = None if tokens is None else 2_000_000
        return RateLine(NOW - age, requests, 500, tokens, most, reset_s)

    calm = (
        BreakerLine("google", "gemini-2.5-flash", BreakerState.CLOSED),
        BreakerLine("google", "gemini-2.5-flash-lite", BreakerState.CLOSED),
        BreakerLine("google", "gemini-2.5-pro", BreakerState.CLOSED, failures=1, reason="timeout"),
        BreakerLine("openai", "gpt-5-mini", BreakerState.CLOSED, rate=rate(488, 1_840_000, 41)),
        BreakerLine("openai", "gpt-5-nano", BreakerState.CLOSED, rate=rate(412, 1_960_000, 52)),
        BreakerLine(
            "openai", "gpt-5.2", BreakerState.CLOSED, reason="overloaded", trips=1, rate=rate(499, None, 60)
        ),
    )
    if name == "hostile":
        return (
            *calm,
            BreakerLine(HOSTILE, HOSTILE, BreakerState.OPEN, 5, HOSTILE, NOW, NOW + timedelta(seconds=9), 1),
        )
    if name != "alarming":
        return calm
    since = NOW - timedelta(seconds=78)
    opened = replace(
        calm[5],
        state=BreakerState.OPEN,
        reason="server_error",
        opened=since,
        until=NOW + timedelta(seconds=42),
        trips=2,
    )
    probed = replace(
        calm[4],
        state=BreakerState.HALF_OPEN,
        reason="rate_limited",
        opened=since,
        until=NOW - timedelta(seconds=1),
        trips=1,
        probing=True,
        rate=rate(0, 96_000, 18),
    )
    old = replace(calm[3], rate=rate(31, 1_200_000, 60, timedelta(minutes=6)))
    return (*calm[:3], old, probed, opened)


def _empty_bar(one: BarSnapshot) -> BarSnapshot:
    posture = Posture(PostureState.STOPPED, calls=False, orders=Orders.NONE, reasons=("new_workspace",))
    ledger = LedgerHead(
        1, "ab" * 32, verified=True, last_event_at=NOW - timedelta(minutes=3), freshness=Freshness(NOW)
    )
    day = BudgetLine("day", "day:2026-11-22", None, "eur", 0, 0, 50 * NANO)
    return replace(
        one,
        posture=posture,
        ledger=ledger,
        budgets=(day,),
        budget_day=day,
        simulated=False,
        ai_enabled=False,
        workspace="new-desk",
    )


def _alarming_bar(one: BarSnapshot) -> BarSnapshot:
    since = NOW.replace(hour=13, minute=58, second=44)
    posture = Posture(
        PostureState.STOPPED, calls=False, orders=Orders.NONE, reasons=("stopped_by_operator",), since=since
    )
    day = BudgetLine("day", "day:2026-11-22", None, "eur", 43_812_000_000, 600_000_000, 50 * NANO)
    layer = BudgetLine("layer_day", "L3:day:2026-11-22", "L3", "eur", 15_100_000_000, 0, 15 * NANO)
    return replace(
        one, posture=posture, budgets=(day, layer), budget_day=day, simulated=False, ai_enabled=False
    )


def _stale_bar(one: BarSnapshot) -> BarSnapshot:
    posture = Posture(
        PostureState.UNKNOWN,
        calls=False,
        orders=Orders.NONE,
        reasons=("lapsed",),
        since=NOW - timedelta(minutes=4),
    )
    why = "database is locked by another program"
    freshness = Freshness(NOW - timedelta(seconds=252), why, "close the program that locks audits/ledger.db")
    ledger = replace(one.ledger, last_event_at=NOW - timedelta(seconds=252), freshness=freshness)
    return replace(one, posture=posture, ledger=ledger, node=NodeFacts())


def _broken_bar(one: BarSnapshot) -> BarSnapshot:
    posture = Posture(PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=("matrix_invalid",))
    finding = ConfigFinding(
        "syntax",
        "error",
        "configs/ai/layer_model_matrix.toml",
        12,
        9,
        "expected '=' after a key",
        "mend line 12, or roll back",
    )
    return replace(one, posture=posture, findings=(finding,), simulated=False)


def _hostile_bar(one: BarSnapshot) -> BarSnapshot:
    return replace(
        one, workspace=HOSTILE, operator=HOSTILE, foreign_urls=(("openai", f"http://{HOSTILE}/v1"),)
    )


_BARS = {
    "empty": _empty_bar,
    "alarming": _alarming_bar,
    "stale": _stale_bar,
    "broken": _broken_bar,
    "hostile": _hostile_bar,
}


def call_lines(name: str, count: int = 600) -> list[CallLine]:
    """Calls, newest first."""
    return list(_call_lines(name, count))


@lru_cache(maxsize=32)
def _call_lines(name: str, count: int) -> tuple[CallLine, ...]:
    if name == "empty":
        return ()
    dice = random.Random(7)  # noqa: S311 - made-up figures
    bad = 0.22 if name == "alarming" else 0.03
    lines, at = [], NOW - timedelta(seconds=252 if name == "stale" else 1)
    for number in range(count):
        slot = dice.choices(range(len(SLOTS)), _WEIGHT)[0]
        lines.append(_call_line(number, at, slot, dice, bad, hostile=name == "hostile"))
        at -= timedelta(seconds=dice.uniform(0.4, 5.0))
    return tuple(lines)


def _call_line(
    number: int, at: datetime, slot: int, dice: random.Random, bad: float, *, hostile: bool
) -> CallLine:
    one = SLOTS[slot]
    roll = dice.random()
    outcome, reason = "ok", ""
    if roll < bad:
        outcome, reason = "failed", dice.choice(["timeout", "server_error", "rate_limited"])
    elif roll < bad + 0.01:
        outcome, reason = "refused", "budget_exceeded"
    tokens = 0 if outcome == "refused" else dice.randint(400, 5200)
    return CallLine(
        seq=184_220 - 3 * number,
        ts=at,
        call_id=f"call_{number:04d}",
        run_id=f"20261122_13{number % 60:02d}00_{'abc3k9' if number % 3 else 'zz81qm'}",
        layer=one.layer,
        role=one.role,
        provider=one.provider,
        model_id=HOSTILE if hostile else one.model_id,
        outcome=outcome,
        reason=HOSTILE if hostile and reason else reason,
        latency_ms=None if outcome == "refused" else _P50[slot] * math.exp(dice.gauss(0, 0.35)),
        cost=None if outcome == "refused" else round(tokens * (slot + 1) * 2300),
        tokens_in=tokens * 3 // 4,
        tokens_out=tokens // 4,
        hop=2 if one.role == "fallback" else 1,
        fallback=one.role == "fallback",
        streamed=outcome == "ok" and number % 7 == 2,
    )


def research_line() -> CallLine:
    """A background call that its provider still works on."""
    return CallLine(
        seq=184_221,
        ts=NOW - timedelta(minutes=7, seconds=12),
        call_id="call_research",
        run_id="20261122_135700_r3s8qk",
        layer="L1",
        role="primary",
        provider="openai",
        model_id="o3-deep-research",
        outcome="open",
        hop=2,
        background=True,
    )


def research_detail() -> CallDetail:
    """A call whose first candidate's breaker refused it, and whose second works on it in the background."""
    line = research_line()
    refused = replace(
        line, seq=184_118, outcome="refused", reason="breaker_open", provider="azure", hop=1, background=False
    )
    breaker = BreakerLine(
        "azure", "o3-deep-research", BreakerState.OPEN, 0, "overloaded", NOW, NOW + timedelta(seconds=42), 1
    )
    route = (
        RouteStep(
            0, "azure", "o3-deep-research", "primary", False, "breaker_open", "it failed too often lately", "table", None,
            "", "10", "40", "open until 2026-11-22T14:05:51Z", "no_lock",
        ),
        RouteStep(
            1, "openai", "o3-deep-research", "fallback", True, "admitted", "", "table", 2_400_000_000, "", "10", "40",
            "closed", "no_lock",
        ),
    )  # fmt: skip
    hops = (
        HopFacts(
            refused, detail="azure:o3-deep-research is left alone", retry_at=NOW + timedelta(seconds=42)
        ),
        HopFacts(
            line,
            requested_seq=184_119,
            bound=2_400_000_000,
            dropped=("temperature",),
            hosted_calls=0,
            acceptance=Acceptance(
                184_121,
                line.ts,
                "resp_68f1",
                "in_progress",
                "https://api.openai.com/v1",
                NOW + timedelta(hours=1),
            ),
        ),
    )
    notes = (
        BudgetNote(
            184_120, "warned", "layer_day", "layer_day:L1", "eur", "9.1", "2.4", "12.0", "0.500000000"
        ),
    )
    return CallDetail(
        line.call_id, line.run_id, "L1", "primary", "research@2", "what moved EURUSD this week", "DISARMED", "shadow",
        matrix_digest="4be1" * 16, actor="mara agent:research", asked_at=line.ts - timedelta(seconds=4), hops=hops, route=route, budget_notes=notes,
        budgets=bar("alarming").budgets, breakers=(breaker,), freshness=Freshness(NOW),
    )  # fmt: skip


def settled_detail() -> CallDetail:
    """A streamed call with tools: an answer that was repaired, and a lost one whose bill was settled by hand."""
    whole = detail("normal", call_lines("normal", 1)[0])
    lost, answered = whole.hops
    settled = Settlement(184_230, 12_000_000, 81_000_000, "invoice 7, line 12", "mara")
    return replace(
        whole,
        call_id="call_settled",
        hops=(
            replace(lost, settlement=settled, line=replace(lost.line, cost=12_000_000)),
            replace(
                answered,
                line=replace(answered.line, streamed=True, repair=True),
                ttft_ms=412.0,
                hosted_calls=3,
                tool_calls=("lookup_prices", "calendar"),
            ),
        ),
        denials=(DenialLine(184_219, "forbidden_echo", "model", "somebody-else", "echo", "openai gpt-5.2"),),
    )


def live(name: str) -> LiveSnapshot:
    """The Live snapshot of a scene."""
    snapshot_bar = bar(name)
    if name == "empty":
        series = LiveSeries(NOW - timedelta(hours=1), 60)
        figures = KeyFigures(cost_today=0, budget_today=50 * NANO)
        empty = LiveSnapshot(NOW, Window.H1, series, Freshness(NOW), figures, breakers=(), workspace_new=True)
        return replace(empty, alerts=alerting.alerts(snapshot_bar, figures, series, (), window=Window.H1))
    alarming = name == "alarming"
    series, figures, rows = _series(alarming), _figures(alarming), _rows(alarming, hostile=name == "hostile")
    freshness = Freshness(NOW)
    if name == "stale":
        freshness = Freshness(NOW - timedelta(seconds=252), "database is locked by another program")
    return LiveSnapshot(
        NOW,
        Window.H1,
        series,
        freshness,
        figures,
        rows,
        alerting.alerts(snapshot_bar, figures, series, rows, window=Window.H1),
        tuple(call_lines(name, 30)),
        alerting.marks(figures),
        breakers=snapshot_bar.breakers,
    )


def _series(alarming: bool) -> LiveSeries:  # noqa: FBT001 - a scene's switch
    dice = random.Random(3)  # noqa: S311 - made-up figures
    base = {"L0": 34.0, "L1": 9.0, "L2": 16.0, "L3": 5.0, "L4": 6.0}
    gap = range(22, 26)
    cut = 53 if alarming else 99

    def points(level: float, wave: float) -> tuple[float | None, ...]:
        return tuple(
            None
            if at in gap
            else 0.0
            if at > cut
            else max(0.0, level * (1 + wave * math.sin(at / 6)) + dice.gauss(0, level / 7))
            for at in range(60)
        )

    spike = 4.0 if alarming else 1.0
    p95 = tuple(
        None
        if at in gap or at > cut
        else 6100
        + 900 * math.sin(at / 5)
        + dice.gauss(0, 350)
        + (6000 * spike if spike > 1 and at > 46 else 0)
        for at in range(60)
    )
    fails = tuple(
        None if at in gap else float(dice.choices([0, 1, 2, 3], [60, 25, 10, 5])[0]) for at in range(60)
    )
    return LiveSeries(
        NOW - timedelta(hours=1),
        60,
        tuple((layer, points(level, 0.25)) for layer, level in base.items()),
        points(1.55 if not alarming else 5.1, 0.2),
        p95,
        fails,
        cost_limit_eur_per_h=50 / 24,
    )


def _figures(alarming: bool) -> KeyFigures:  # noqa: FBT001 - a scene's switch
    return KeyFigures(
        calls=4214,
        calls_per_min=70.2,
        calls_per_min_now=0.0 if alarming else 73.0,
        error_pct=12.4 if alarming else 0.9,
        fallback_pct=8.8 if alarming else 0.6,
        refused=212 if alarming else 0,
        p50_ms=1240,
        p95_ms=22_900 if alarming else 6_420,
        p99_ms=41_000 if alarming else 9_870,
        cost_today=43_812_000_000 if alarming else 4_812_000_000,
        cost_projected=78_000_000_000 if alarming else 19_300_000_000,
        budget_today=50 * NANO,
        critic_fail_pct=31.0 if alarming else 3.4,
        critic_judged=176,
        tokens_in=9_400_000,
        tokens_out=2_100_000,
    )


def _rows(alarming: bool, *, hostile: bool) -> tuple[SlotRow, ...]:  # noqa: FBT001 - a scene's switch
    rows = []
    for at, (slot, weight) in enumerate(zip(SLOTS, _WEIGHT, strict=True)):
        calls = weight * 3
        shown = replace(slot, model_id=HOSTILE, provider="[/]") if hostile else slot
        rows.append(
            SlotRow(
                shown,
                calls,
                errors=calls * (14 if alarming and slot.provider == "openai" else 1) // 100,
                fallback_pct=_FALLBACK_PCT.get(slot.role, {}).get(slot.layer, 0.0)
                if slot.role != "fallback"
                else None,
                p50_ms=float(_P50[at]),
                p95_ms=_P50[at] * 1.9,
                cost_today=calls * (at + 1) * 900_000,
                budget_pct=100.7 if alarming and slot.layer == "L3" else 2.0 + at * 3.1,
            )
        )
    return tuple(rows)


def detail(name: str, line: CallLine) -> CallDetail:
    """A call's page: a failed hop, then a fallback that answered."""
    hostile = name == "hostile"
    text = f"Answer {HOSTILE}\nsecond line [bold]" if hostile else ANSWER
    failed = replace(
        line,
        seq=line.seq - 4,
        role="primary",
        provider="openai",
        model_id="gpt-5.2",
        outcome="failed",
        reason="timeout",
        latency_ms=30_000.0,
        cost=81_000_000,
        hop=1,
        fallback=False,
        tokens_in=0,
        tokens_out=0,
    )
    answered = replace(
        line,
        role="fallback",
        provider="google",
        model_id="gemini-2.5-pro",
        outcome="ok",
        reason="",
        latency_ms=2310.0,
        cost=31_482_500,
        hop=2,
        fallback=True,
        tokens_in=2104,
        tokens_out=611,
    )
    hops = (
        HopFacts(
            failed,
            requested_seq=failed.seq - 1,
            detail=HOSTILE if hostile else "no first byte within 30 s",
            bound=81_000_000,
            cost_basis="worst_case",
            price_source="genai-prices 2026-11-01",
            attempts=(AttemptLine(1, "timeout", None, 30_000.0),),
        ),
        HopFacts(
            answered,
            requested_seq=line.seq - 2,
            served_model=HOSTILE if hostile else "gemini-2.5-pro",
            finish="stop",
            tokens=(("input", 2104), ("cached", 512), ("output", 611), ("reasoning", 240)),
            bound=94_200_000,
            cost_basis="usage",
            price_source="genai-prices 2026-11-01",
            price_as_of="2026-11-01",
            eur_per_usd="0.8612",
            request_id="req_7f31",
            attempts=(AttemptLine(1, "rate_limited", 429, 240.0), AttemptLine(2, "ok", 200, 2070.0, 1000)),
            tool_calls=("lookup_prices",),
        ),
    )
    route = (
        RouteStep(
            0,
            "openai",
            "gpt-5.2",
            "primary",
            True,
            "",
            "",
            "genai-prices 2026-11-01",
            81_000_000,
            "",
            "1.75",
            "14",
            "closed",
            "no_lock",
        ),
        RouteStep(
            1,
            "openai",
            "o3-deep-research",
            "fallback",
            False,
            "model_shut_down",
            "shut down 2026-07-23",
            "",
            None,
            "shutdown 2026-07-23",
            verified="no_lock",
        ),
        RouteStep(
            2,
            "google",
            "gemini-2.5-pro",
            "fallback",
            True,
            "",
            "",
            "genai-prices 2026-11-01",
            94_200_000,
            "shutdown 2027-06-17",
            "1.25",
            "10",
            "closed",
            "no_lock",
        ),
    )
    chain = tuple(
        ChainPlace(seq, kind, f"ev_{seq}", _hash(seq), _hash(seq - 1), _hash(-seq), True, True, True)
        for seq, kind in (
            (line.seq - 5, "llm.call.requested"),
            (line.seq - 4, "llm.call.failed"),
            (line.seq - 3, "llm.fallback.taken"),
            (line.seq - 2, "llm.call.requested"),
            (line.seq, "llm.call.completed"),
        )
    )
    return CallDetail(
        line.call_id,
        line.run_id,
        line.layer,
        "primary",
        "market-outlook@1",
        "outlook EURUSD, 6 h",
        "DISARMED",
        "bootstrap",
        simulated=True,
        matrix_digest="4be1" * 16,
        request_hash="77ab" * 16,
        actor="mara agent:outlook",
        asked_at=line.ts - timedelta(seconds=3),
        hops=hops,
        route=route,
        fallbacks=("openai gpt-5.2 → google gemini-2.5-pro: timeout",),
        judgements=(
            JudgementLine(
                line.seq + 3,
                "REVIEW",
                "openai gpt-5.2",
                "L4",
                (("risk", "medium", "The stop distance is not derived from volatility."),),
                ("capped: degraded critic",),
            ),
        ),
        texts=(
            LoggedText("request", "aa" * 32, QUESTION, True),
            LoggedText("answer", "bb" * 32, text, True),
        ),
        chain=chain,
        budgets=bar(name).budgets,
        breakers=bar(name).breakers or (),
        events=({"seq": line.seq, "kind": "llm.call.completed", "body": {"cost_eur": "0.031482500"}},),
        freshness=Freshness(NOW),
    )


def _hash(seq: int) -> str:
    return hashlib.sha256(str(seq).encode()).hexdigest()


QUESTION = (
    "system: You write market outlooks for EURUSD from the data given, nothing else.\n"
    "user: The last 48 hourly candles are below. Give direction, confidence, invalidation and the facts it rests on."
)
ANSWER = (
    "Direction: sideways with a slight downward drift. Confidence 0.55.\n"
    "Invalidation: an hourly close above 1.0934.\n\n"
    "The range of the last 48 hours narrowed from 62 to 31 pips; closes stay below the 20-hour mean in 14 of the last "
    "18 hours; volume fell into the European close. Nothing in the data supports a trend call."
)


def log_lines(name: str) -> list[LogLine]:
    """Log lines, newest first."""
    if name == "empty":
        return []
    lines = []
    for number, line in enumerate(call_lines(name, 120)):
        level = {"ok": "info", "failed": "warning", "refused": "warning"}[line.outcome]
        fields = {
            "run_id": line.run_id,
            "layer": line.layer,
            "role": line.role,
            "provider": line.provider,
            "model_id": line.model_id,
            "outcome": line.outcome,
            "latency_ms": round(line.latency_ms or 0),
            "cost_eur": f"{(line.cost or 0) / NANO:.9f}",
        }
        lines.append(LogLine(10_000 - number, line.ts, level, "llm.call", "llm.call.completed", fields))
    lines.insert(
        3,
        LogLine(
            9_999,
            NOW - timedelta(seconds=9),
            "error",
            "node.lease",
            "lease not renewed: an append has waited 6.2 s",
            {"waited_ms": 6210},
        ),
    )
    lines.insert(9, LogLine(9_991, None, "unreadable", "", "", {}, '{"ts": "2026-11-22T14:0'))
    return lines


class Details(Mapping[str, CallDetail]):
    """The pages of a scene's calls, each made when it is opened: a scene has hundreds, a test opens one."""

    def __init__(self, name: str, lines: list[CallLine], more: tuple[CallDetail, ...] = ()) -> None:
        self._name = name
        self._lines = {line.call_id: line for line in lines}
        self._more = {one.call_id: one for one in more}

    def __getitem__(self, call_id: str) -> CallDetail:
        return self._more[call_id] if call_id in self._more else detail(self._name, self._lines[call_id])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._lines, *self._more)))

    def __len__(self) -> int:
        return len(dict.fromkeys((*self._lines, *self._more)))


def scene(name: str) -> FakeSource:
    """The source of a scene."""
    lines = call_lines(name)
    freshness = Freshness(NOW)
    if name == "stale":
        freshness = Freshness(NOW - timedelta(seconds=252), "database is locked by another program")
    details = Details(name, lines)
    if name == "research":
        details = Details(name, lines, (research_detail(), settled_detail()))
        lines = [research_line(), *lines]
        lines[1] = replace(lines[1], call_id="call_settled", streamed=True)
    return FakeSource(ManualClock(NOW), bar(name), live(name), lines, details, log_lines(name), freshness)
