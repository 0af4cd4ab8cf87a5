"""Alerts: what is worth one, how grave, and that each names a next thing to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from peak_console.domain.calls import CallReason
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views.alerts import alerts, marks
from peak_console.operations.views.background import BackgroundLine
from peak_console.operations.views.bar import BarSnapshot, BudgetLine, ConfigFinding, LedgerHead, NodeFacts
from peak_console.operations.views.breakers import BreakerLine, BreakerState
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.live import KEY_REFUSED, Alert, KeyFigures, LiveSeries, Severity, Window

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
OPEN = Posture(PostureState.DISARMED, calls=True, orders=Orders.NONE, reasons=("enabled",))
BAR = BarSnapshot(
    NOW, OPEN, Freshness(NOW), node=NodeFacts(running=True), ledger=LedgerHead(freshness=Freshness(NOW))
)
QUIET = KeyFigures(calls=1000, error_pct=0.5, fallback_pct=0.1, critic_fail_pct=3.0, critic_judged=50)
SERIES = LiveSeries(NOW, 60)


def _alerts(bar: BarSnapshot = BAR, figures: KeyFigures = QUIET, series: LiveSeries = SERIES) -> list[Alert]:
    return list(alerts(bar, figures, series, (), window=Window.H1))


def test_a_quiet_workspace_has_none() -> None:
    """Nothing is alarming where nothing is."""
    assert _alerts() == []


def test_each_fault_has_its_alert_and_the_gravest_comes_first() -> None:
    """Every alert has something to do: a key, a filter or a command."""
    posture = Posture(
        PostureState.STOPPED,
        calls=False,
        orders=Orders.NONE,
        reasons=("stop_present",),
        conflicts=("both stand",),
    )
    bar = replace(
        BAR,
        posture=posture,
        budgets=(
            BudgetLine("day", "day:x", None, "eur", 100, 0, 100),
            BudgetLine("layer_day", "l", "L3", "eur", 85, 0, 100),
            BudgetLine("month", "m", None, "eur", 1, 0, 100),
        ),
        ledger=LedgerHead(verified=False, wal_size=10**9, freshness=Freshness(NOW, "is locked", "end it")),
        findings=(
            ConfigFinding("syntax", "error", "a.toml", 3, 1, "broken", "mend it"),
            ConfigFinding("near", "warning", "b.toml", 3, 1, "soon"),
        ),
    )
    figures = replace(QUIET, error_pct=20.0, fallback_pct=9.0, critic_fail_pct=40.0, refused=7)
    found = _alerts(bar, figures)
    codes = [one.code for one in found]
    assert set(codes) == {
        "posture_conflict",
        "stopped",
        "syntax",
        "ledger_unavailable",
        "ledger_broken",
        "wal_large",
        "budget_exceeded",
        "budget_warned",
        "error_rate",
        "fallback_rate",
        "critic_fail_rate",
        "refused",
        "config_warnings",
    }
    order = [list(Severity).index(one.severity) for one in found]
    assert order == sorted(order)
    assert all(one.action or one.filter or one.cli for one in found)


def test_a_refused_key_is_told_from_the_first_call_on() -> None:
    """However few calls there were, with the variable to look at and the calls that show it."""
    found = alerts(
        BAR, KeyFigures(calls=1), SERIES, (), window=Window.H1, refused_keys=("openai", "elsewhere")
    )
    assert [(one.severity, one.code) for one in found] == [(Severity.BAD, "key_refused")] * 2
    assert found[0].title == "provider openai refused our key"
    assert found[0].action == "check OPENAI_API_KEY"
    assert "provider:openai" in found[0].filter
    assert found[1].action == "check its key"
    assert CallReason(KEY_REFUSED) is CallReason.AUTHENTICATION


def test_few_calls_are_no_rate() -> None:
    """One failure of two is no error rate."""
    assert _alerts(figures=KeyFigures(calls=2, error_pct=50.0, fallback_pct=50.0)) == []
    assert marks(KeyFigures(calls=2, error_pct=50.0)) == {}


def test_a_spike_is_told_against_what_is_usual() -> None:
    """Twice and a half of the usual p95, and at least a second."""
    spiking = replace(SERIES, p95_ms=(*[900.0] * 20, 4000.0, 4200.0, 4100.0))
    (alert,) = _alerts(series=spiking)
    assert alert.code == "latency_spike"
    assert alert.filter.startswith("latency>3s")
    assert _alerts(series=replace(SERIES, p95_ms=(*[90.0] * 20, 400.0, 420.0, 410.0))) == []
    assert _alerts(series=replace(SERIES, p95_ms=(4000.0, None))) == []


def test_a_day_that_will_overrun_is_told_before_it_does() -> None:
    """The projection warns; once the budget is spent the budget's own alert speaks."""
    figures = replace(QUIET, budget_today=100, cost_today=40, cost_projected=130)
    assert [one.code for one in _alerts(figures=figures)] == ["budget_projected"]
    assert marks(figures)["cost_today"] is Severity.WARN
    assert marks(replace(figures, cost_today=100))["cost_today"] is Severity.BAD


def test_a_new_workspace_is_no_alarm() -> None:
    """It is told how to begin."""
    posture = Posture(PostureState.STOPPED, calls=False, orders=Orders.NONE, reasons=("new_workspace",))
    (alert,) = _alerts(replace(BAR, posture=posture), KeyFigures())
    assert alert.severity is Severity.INFO
    assert "enable" in alert.cli


def test_unknown_names_what_to_start() -> None:
    """Without a node the next thing is to start it."""
    posture = Posture(PostureState.UNKNOWN, calls=False, orders=Orders.NONE, reasons=("lapsed",))
    (alert,) = _alerts(replace(BAR, posture=posture, node=NodeFacts()))
    assert alert.code == "lapsed"
    assert alert.cli == "peak node start"


def test_an_open_breaker_names_its_model_its_reason_and_its_probe() -> None:
    """It is a warning with its calls as evidence; closed ones are none; many are summed up."""
    until = NOW + timedelta(seconds=42)
    opened = BreakerLine("openai", "gpt-5.2", BreakerState.OPEN, 0, "server_error", NOW, until, 1)
    closed = BreakerLine("openai", "gpt-5-mini", BreakerState.CLOSED)
    (alert,) = _alerts(replace(BAR, breakers=(closed, opened)))
    assert (alert.severity, alert.code) == (Severity.WARN, "breaker_open")
    assert "gpt-5.2" in alert.title
    assert "probe in 42 s" in alert.detail
    assert alert.filter == "provider:openai model:gpt-5.2 since:1h"
    half = replace(opened, state=BreakerState.HALF_OPEN, until=NOW)
    (tried,) = _alerts(replace(BAR, breakers=(half,)))
    assert "half-open" in tried.title
    many = tuple(replace(opened, model_id=f"m{number}") for number in range(5))
    assert [one.title for one in _alerts(replace(BAR, breakers=many))][-1] == "3 more breakers are open"


def test_a_latched_breaker_names_its_reset_before_the_open_ones() -> None:
    """Who, why, and the command that only a person may give."""
    latched = BreakerLine(
        "openai", "gpt-5-mini", BreakerState.OPEN, reason="bill_above_bound", kind="budget", latched=True
    )
    opened = BreakerLine("google", "gemini", BreakerState.OPEN, until=NOW + timedelta(seconds=9))
    first, second = _alerts(replace(BAR, breakers=(opened, latched)))
    assert (first.code, first.severity) == ("breaker_latched", Severity.BAD)
    assert (first.title, first.detail) == ("budget breaker: openai gpt-5-mini", "bill above its bound")
    assert first.cli == 'peak breaker reset budget openai:gpt-5-mini --reason "..."'
    assert second.code == "breaker_open"


def test_background_work_that_outlives_a_stop_is_an_alert() -> None:
    """Each of the first two with the command that ends it, the rest as a count."""
    lines = tuple(BackgroundLine(f"call_{at}", "r", 1, "openai", "o3", NOW) for at in range(4))
    found = [one for one in _alerts(replace(BAR, background=lines)) if one.code == "background_runs"]
    assert [one.cli for one in found] == [
        "peak call --cancel call_0",
        "peak call --cancel call_1",
        "peak call --pending",
    ]
    assert all(one.severity is Severity.BAD for one in found)
