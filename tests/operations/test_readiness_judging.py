"""Readiness, judged: what is not known is never green, and each criterion bites."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.readiness import Criteria, demanded
from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.criterion import CriterionStatus, is_green
from peak_console.operations.readiness_facts import level_begun
from peak_console.operations.readiness_judging import (
    Drill,
    LockFacts,
    ReadinessFacts,
    VerifiedFacts,
    evaluate,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CRITERIA = Criteria(
    min_days=14,
    min_calls=100,
    min_cycles=20,
    max_open_incidents=0,
    max_budget_used_pct=Decimal(90),
    max_critic_fail_pct=Decimal(10),
    max_p95_ms=2000,
    drills=("stop",),
)
LOCK = LockFacts(problem="", expires_at=NOW + timedelta(days=1), entries=3, attested=0)
GOOD = ReadinessFacts(
    level=PhaseLevel.TESTNET,
    level_since=NOW - timedelta(days=14),
    level_seq=7,
    lint_errors=(),
    lock=LOCK,
    without_scope=(),
    limits_open=(),
    verified=VerifiedFacts(ok=True, whole=True, events=9, at=NOW - timedelta(hours=24)),
    calls=100,
    p95_ms=2000,
    verdicts={"PASS": 88, "REVIEW": 2, "FAIL": 10},
    budget_used_pct=Decimal(90),
    budget_day="2026-11-20",
    last_call_at=NOW,
    open_incidents=0,
    cycles=20,
    drills={"stop": Drill(NOW - timedelta(days=30), held=True, seq=5)},
)


def judged(facts: ReadinessFacts, level: PhaseLevel = PhaseLevel.LIVE) -> dict[str, CriterionStatus]:
    """Each criterion's status."""
    return {one.id: one.status for one in evaluate(level, CRITERIA, facts, NOW)}


def test_exactly_at_every_bound_is_green() -> None:
    """And every criterion says what it found and where."""
    results = evaluate(PhaseLevel.LIVE, CRITERIA, GOOD, NOW)
    assert is_green(results)
    assert all(one.found and one.wanted and one.evidence and not one.remedy for one in results)
    assert {one.id for one in results} >= demanded(PhaseLevel.LIVE)


@pytest.mark.parametrize(
    ("criterion", "change"),
    [
        ("lint_clean", {"lint_errors": ("a.toml:1 x.y",)}),
        ("eval_evidence", {"lock": replace(LOCK, attested=1)}),
        ("scopes_present", {"without_scope": ("L2",)}),
        ("limits_set", {"limits_open": ("orders.max_open_orders",)}),
        ("ledger_verified", {"verified": VerifiedFacts(ok=False, whole=True, events=9, at=NOW)}),
        ("ledger_verified", {"verified": VerifiedFacts(ok=True, whole=False, events=9, at=NOW)}),
        (
            "ledger_verified",
            {
                "verified": VerifiedFacts(
                    ok=True, whole=True, events=9, at=NOW - timedelta(hours=24, seconds=1)
                )
            },
        ),
        (
            "ledger_verified",
            {"verified": VerifiedFacts(ok=True, whole=True, events=9, at=NOW + timedelta(seconds=1))},
        ),
        ("min_days", {"level_since": NOW - timedelta(days=14) + timedelta(seconds=1)}),
        ("min_days", {"level": PhaseLevel.SHADOW}),
        ("min_calls", {"calls": 99}),
        ("max_budget_used_pct", {"budget_used_pct": Decimal("90.01")}),
        ("max_critic_fail_pct", {"verdicts": {"PASS": 89, "FAIL": 11}}),
        ("max_p95_ms", {"p95_ms": 2001}),
        ("max_open_incidents", {"open_incidents": 1}),
        ("min_cycles", {"cycles": 19}),
        ("drill:stop", {"drills": {"stop": Drill(NOW, held=False, seq=5)}}),
        ("drill:stop", {"drills": {"stop": Drill(NOW - timedelta(days=31), held=True, seq=5)}}),
    ],
)
def test_one_step_beyond_a_bound_is_red(criterion: str, change: dict[str, Any]) -> None:
    """That criterion alone, with a remedy."""
    results = evaluate(PhaseLevel.LIVE, CRITERIA, replace(GOOD, **change), NOW)
    assert not is_green(results)
    missing = [one for one in results if one.status is not CriterionStatus.GREEN]
    assert [one.id for one in missing] == [criterion]
    assert (missing[0].status, bool(missing[0].remedy)) == (CriterionStatus.RED, True)


def test_what_nobody_knows_says_what_to_do_about_it() -> None:
    """Every criterion without evidence, and a drill by the command that runs it."""
    results = evaluate(PhaseLevel.LIVE, CRITERIA, ReadinessFacts(PhaseLevel.TESTNET), NOW)
    unknown = [one for one in results if one.status is CriterionStatus.NO_EVIDENCE]
    assert len(unknown) > 5
    assert [one.id for one in unknown if not one.remedy] == []
    drill = next(one for one in unknown if one.id == "drill:stop")
    assert drill.remedy == "run the drill: peak incident drill stop"


def test_a_lock_that_does_not_hold_says_why() -> None:
    """And of what its entries stand on nobody speaks then."""
    facts = replace(GOOD, lock=replace(LOCK, problem="it was changed after anna signed it"))
    results = {one.id: one for one in evaluate(PhaseLevel.LIVE, CRITERIA, facts, NOW)}
    assert results["lock_valid"].status is CriterionStatus.RED
    assert results["lock_valid"].found == "it was changed after anna signed it"
    assert results["eval_evidence"].status is CriterionStatus.NO_EVIDENCE


def test_what_nothing_is_known_of_is_no_evidence() -> None:
    """Never green, and not red either; a lock that is not there is known not to be."""
    statuses = judged(ReadinessFacts(PhaseLevel.RESEARCH))
    red = {name for name, status in statuses.items() if status is CriterionStatus.RED}
    assert CriterionStatus.GREEN not in statuses.values()
    assert red == {"lock_valid", "min_days"}


@given(st.sets(st.sampled_from([name for name in GOOD.__dataclass_fields__ if name != "level"])))
def test_knowing_less_never_makes_it_greener(forgotten: set[str]) -> None:
    """Whatever is forgotten: no criterion turns green by it, and one that rests on it is not."""
    nothing = ReadinessFacts(PhaseLevel.TESTNET)
    facts = replace(GOOD, **{name: getattr(nothing, name) for name in forgotten})
    green = is_green(evaluate(PhaseLevel.LIVE, CRITERIA, facts, NOW))
    told = {
        "level_seq",
        "cycles_at",
        "cycles_stale",
        "budget_day",
        "last_call_at",
        "watched_since",
        "watched_seq",
    }
    assert green == (not forgotten - told)


@pytest.mark.parametrize("level", [PhaseLevel.SHADOW, PhaseLevel.TESTNET, PhaseLevel.LIVE])
def test_a_file_cannot_switch_off_what_is_demanded(level: PhaseLevel) -> None:
    """False in the file asks all the same."""
    off = Criteria.model_validate(dict.fromkeys(demanded(level), False))
    asked = {one.id for one in evaluate(level, off, GOOD, NOW)}
    assert demanded(level) <= asked


def test_no_criteria_are_not_green() -> None:
    """An empty list proves nothing."""
    assert not is_green(())


def changed(seq: int, to: str) -> LedgerEvent:
    """A change of the phase."""
    ts = iso(NOW + timedelta(days=seq))
    return LedgerEvent(
        seq, f"ev{seq}", ts, 0, EventKind.PHASE_CHANGED.value, "x", "", "", "", body={"to": to}
    )


def test_a_level_begins_when_it_is_entered() -> None:
    """Steps inside research begin none; going back begins the lower one anew; what cannot be read is live."""
    steps = [changed(1, "foundation"), changed(2, "shadow"), changed(3, "verified"), changed(4, "matrix")]
    assert level_begun(steps[:1]) == (PhaseLevel.RESEARCH, None)
    assert level_begun(steps[:2]) == (PhaseLevel.SHADOW, steps[1])
    assert level_begun(steps) == (PhaseLevel.RESEARCH, steps[2])
    assert level_begun([changed(1, "nonsense")])[0] is PhaseLevel.LIVE
