"""What the operator should know now, gravest first, each with the next thing to do. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from peak_console.domain.posture import PostureReason, PostureState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot, BudgetLine
from peak_console.operations.views.breakers import BILL_WORDS, BreakerState, not_closed, reason_words
from peak_console.operations.views.disk import DiskForecast, DiskState
from peak_console.operations.views.live import (
    KEY_REFUSED,
    Alert,
    KeyFigures,
    LiveSeries,
    Severity,
    SlotRow,
    Window,
)
from peak_console.operations.views.next_step import next_step, node_start
from peak_console.operations.views.standing_alerts import standing_alerts


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """From where a figure is worth an alert. Percent of calls; shares count from ``least`` calls on."""

    error_warn_pct: float = 2.0
    error_bad_pct: float = 10.0
    fallback_warn_pct: float = 5.0
    critic_warn_pct: float = 25.0
    spike_factor: float = 2.5
    spike_least_ms: float = 1000.0
    wal_warn_bytes: int = 64 * 1024**2
    least: int = 20


LIMITS: Final = AlertLimits()
_ORDER: Final = tuple(Severity)
_BREAKERS_SHOWN: Final = 2
_BACKGROUND_SHOWN: Final = 2


def alerts(
    bar: BarSnapshot,
    figures: KeyFigures,
    series: LiveSeries,
    rows: Sequence[SlotRow],
    *,
    window: Window,
    refused_keys: Sequence[str] = (),
    limits: AlertLimits = LIMITS,
) -> tuple[Alert, ...]:
    """All alerts, gravest first; the order within one severity is that of urgency."""
    found = [
        *_posture(bar),
        *standing_alerts(bar),
        *_background(bar),
        *_configs(bar),
        *_ledger(bar, limits),
        *_keys(refused_keys),
        *_breakers(bar),
        *_budgets(bar, figures),
        *_shares(figures, rows, window, limits),
        *_latency(series, window, limits),
        *_refusals(figures, window),
        *_warnings(bar),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))


def marks(figures: KeyFigures, limits: AlertLimits = LIMITS) -> dict[str, Severity]:
    """Which key figures stand out, by field name."""
    found: dict[str, Severity] = {}
    if figures.judged_by >= limits.least:
        error, fallback = figures.error_pct or 0.0, figures.fallback_pct or 0.0
        if error >= limits.error_warn_pct:
            found["error_pct"] = Severity.BAD if error >= limits.error_bad_pct else Severity.WARN
        if fallback >= limits.fallback_warn_pct:
            found["fallback_pct"] = Severity.WARN
    if figures.critic_judged >= limits.least and (figures.critic_fail_pct or 0.0) >= limits.critic_warn_pct:
        found["critic_fail_pct"] = Severity.WARN
    if figures.budget_today and figures.cost_today is not None and figures.cost_today >= figures.budget_today:
        found["cost_today"] = Severity.BAD
    elif figures.budget_today and (figures.cost_projected or 0) > figures.budget_today:
        found["cost_today"] = Severity.WARN
    return found


def _posture(bar: BarSnapshot) -> Iterator[Alert]:
    posture = bar.posture
    for conflict in posture.conflicts:
        yield Alert(
            Severity.BAD, "posture_conflict", "sources disagree", conflict, "! s stops", cli="peak status"
        )
    if posture.state is PostureState.STOPPED:
        if PostureReason.NEW_WORKSPACE in posture.reasons:
            yield Alert(
                Severity.INFO,
                "new_workspace",
                "a new workspace: no call may leave yet",
                action="e enables",
                cli="peak enable --reason R --confirm ENABLE",
            )
        else:
            yield Alert(
                Severity.BAD,
                "stopped",
                "stopped: no call leaves",
                ", ".join(posture.reasons),
                "e enables",
                cli="peak enable --reason R --confirm ENABLE",
            )
            if bar.node.rebooted_at and not bar.node.running:
                step = next_step(bar)
                yield Alert(Severity.BAD, "rebooted", step.why, "", step.do, cli=step.cli)
    elif posture.state is PostureState.UNKNOWN and "reading" not in posture.reasons:
        yield _unknown(bar)
    elif not bar.node.running and posture.calls:
        yield Alert(
            Severity.WARN, "node_missing", "no node runs", "nothing new leaves soon", cli=node_start(bar)
        )


def _unknown(bar: BarSnapshot) -> Alert:
    reasons = ", ".join(bar.posture.reasons)
    if PostureReason.NO_WORKSPACE in bar.posture.reasons:
        return Alert(Severity.BAD, "no_workspace", "no workspace is open", reasons, cli="peak init DIR")
    if bar.config_errors:
        return Alert(Severity.BAD, "unknown", "posture unknown, acts as stopped", reasons, cli="peak lint")
    step = next_step(bar)
    title = step.why if bar.node.rebooted_at else "posture unknown: nothing new leaves"
    start = "" if bar.node.running else "start the node"
    return Alert(Severity.BAD, "lapsed", title, reasons, start, cli=step.cli)


def _background(bar: BarSnapshot) -> Iterator[Alert]:
    """Work that a provider still does and bills although nothing may leave here."""
    for one in bar.background[:_BACKGROUND_SHOWN]:
        title = f"background work still runs: {one_line(one.provider, 16)} {one_line(one.model_id, 40)}"
        filter_text = f"call:{one.call_id}"
        yield Alert(Severity.BAD, "background_runs", title, "it is billed", "", filter_text, one.cancelled_by)
    if len(bar.background) > _BACKGROUND_SHOWN:
        more = len(bar.background) - _BACKGROUND_SHOWN
        yield Alert(
            Severity.BAD, "background_runs", f"{more} more background calls run", cli="peak call --pending"
        )


def _configs(bar: BarSnapshot) -> Iterator[Alert]:
    for one in bar.config_errors[:3]:
        place = f"{one.file}:{one.line}" if one.line else one.file
        yield Alert(Severity.BAD, one.rule, f"{place} {one.message}", "", one.remedy, cli="peak lint")
    if len(bar.config_errors) > 3:  # noqa: PLR2004 - three fit the smallest screen
        more = len(bar.config_errors) - 3
        yield Alert(Severity.BAD, "config_errors", f"{more} more config errors", cli="peak lint")


def _warnings(bar: BarSnapshot) -> Iterator[Alert]:
    warned = [one for one in bar.findings if one.severity == "warning"]
    if warned:
        rules = ", ".join(dict.fromkeys(one.rule for one in warned))
        word = "warning" if len(warned) == 1 else "warnings"
        yield Alert(Severity.INFO, "config_warnings", f"{len(warned)} config {word}", rules, cli="peak lint")


def _keys(refused: Sequence[str]) -> Iterator[Alert]:
    """A key that is refused is worth an alert from its first call on: only a person can mend it."""
    if not refused:
        return
    from peak_console.llm.providers.adapters import ADAPTERS  # noqa: PLC0415 - slow, and seldom needed

    variables = {one.provider: one.key_variable for one in ADAPTERS.values()}
    for provider in refused:
        yield Alert(
            Severity.BAD,
            "key_refused",
            f"provider {provider} refused our key",
            "",
            f"check {variables.get(provider, 'its key')}",
            f"provider:{provider} reason:{KEY_REFUSED}",
        )


def _breakers(bar: BarSnapshot) -> Iterator[Alert]:
    """A model that is left alone: who, why, until when, and where its calls can be seen."""
    kept = not_closed(bar.breakers or ())
    latched, away = [one for one in kept if one.latched], [one for one in kept if not one.latched]
    for one in latched[:_BREAKERS_SHOWN]:
        name = one_line(one.scope, 40) or f"{one_line(one.provider, 16)} {one_line(one.model_id, 40)}"
        title = f"{one.kind} breaker: {name}"
        of_layer = f"{one.scope} since:24h" if one.scope.startswith("layer:") else "since:24h"
        of_model = f"provider:{one.provider} model:{one.model_id} since:24h"
        filter_text = of_layer if one.scope else of_model
        why = BILL_WORDS if one.kind == "budget" else reason_words(one.reason)
        yield Alert(Severity.BAD, "breaker_latched", title, why, "", filter_text, one.reset_by)
    if len(latched) > _BREAKERS_SHOWN:
        others = f"{len(latched) - _BREAKERS_SHOWN} more breakers are latched"
        yield Alert(Severity.BAD, "breaker_latched", others, "", "b lists them", cli="peak breaker list")
    for one in away[:_BREAKERS_SHOWN]:
        name = f"{one_line(one.provider, 16)} {one_line(one.model_id, 40)}"
        left = one.probe_in_s(bar.taken_at)
        held = one.state is BreakerState.OPEN and left
        word = "open" if held else "half-open"
        until = f"probe in {left:.0f} s" if held else "" if one.probing else "the next call probes it"
        detail = ", ".join(part for part in (one_line(one.reason, 30), until) if part)
        filter_text = f"provider:{one.provider} model:{one.model_id} since:1h"
        cli = "peak status"
        yield Alert(
            Severity.WARN, "breaker_open", f"breaker {word}: {name}", detail, "↵ its calls", filter_text, cli
        )
    if len(away) > _BREAKERS_SHOWN:
        more = len(away) - _BREAKERS_SHOWN
        yield Alert(Severity.WARN, "breaker_open", f"{more} more breakers are open", "", "b lists them")


def _ledger(bar: BarSnapshot, limits: AlertLimits) -> Iterator[Alert]:
    ledger = bar.ledger
    if ledger.freshness.why:
        yield Alert(
            Severity.BAD,
            "ledger_unavailable",
            "the ledger cannot be read",
            ledger.freshness.why,
            ledger.freshness.remedy,
        )
    if ledger.verified is False:
        yield Alert(
            Severity.BAD,
            "ledger_broken",
            "the chain does not verify",
            "",
            "stop and keep it",
            cli="peak ledger verify",
        )
    yield from _disk(ledger.disk)
    if ledger.wal_size > limits.wal_warn_bytes:
        size = f"{ledger.wal_size / 1024**2:.0f} MB"
        yield Alert(
            Severity.WARN,
            "wal_large",
            f"the write-ahead log holds {size}",
            "a reader stays too long",
            cli="peak status",
        )


def _disk(disk: DiskForecast) -> Iterator[Alert]:
    """The ledger's disk fills: without room no call may begin."""
    if disk.state in {DiskState.BAD, DiskState.WARN}:
        days = "nearly full" if disk.days_left is None else f"full in {disk.days_left:.0f} days"
        title = f"the ledger's disk is {days}"
        severity = Severity.BAD if disk.state is DiskState.BAD else Severity.WARN
        yield Alert(severity, "disk_full_soon", title, "", "free space", cli="peak status")


def _budgets(bar: BarSnapshot, figures: KeyFigures) -> Iterator[Alert]:
    for budget in bar.budgets:
        if budget.state == "ok":
            continue
        severity = Severity.BAD if budget.state == "exceeded" else Severity.WARN
        title = f"budget {_budget_name(budget)} {budget.state}: {budget.used_pct:.0f} %"
        filter_text = f"layer:{budget.layer} since:24h" if budget.layer else "since:24h"
        yield Alert(
            severity, f"budget_{budget.state}", title, "", "↵ what spent it", filter_text, "peak status"
        )
    limit, projected = figures.budget_today, figures.cost_projected
    spent = figures.cost_today or 0
    if limit and projected and spent < limit < projected:
        share = 100 * projected / limit
        yield Alert(
            Severity.WARN,
            "budget_projected",
            f"at this rate the day ends at {share:.0f} % of its budget",
            "",
            "↵ what spends it",
            "cost>0.01 since:1h",
            "peak status",
        )


def _budget_name(budget: BudgetLine) -> str:
    return " ".join(part for part in (budget.scope.replace("_", " "), budget.layer, budget.unit) if part)


def _shares(
    figures: KeyFigures, rows: Sequence[SlotRow], window: Window, limits: AlertLimits
) -> Iterator[Alert]:
    found = marks(figures, limits)
    since = f"since:{window.value}"
    if "error_pct" in found:
        worst = max(rows, key=lambda row: row.errors, default=None)
        detail = (
            ""
            if worst is None
            else f"most of them {worst.slot.layer} {worst.slot.provider} {worst.slot.model_id}"
        )
        title = f"{figures.error_pct:.1f} % of calls fail"
        yield Alert(found["error_pct"], "error_rate", title, detail, "↵ which", f"outcome:failed {since}")
    if "fallback_pct" in found:
        title = f"{figures.fallback_pct:.1f} % of answers came from a fallback"
        yield Alert(Severity.WARN, "fallback_rate", title, "", "↵ which", f"is:fallback {since}")
    if "critic_fail_pct" in found:
        title = f"critics fail {figures.critic_fail_pct:.0f} % of what they judge"
        yield Alert(Severity.WARN, "critic_fail_rate", title, "", "↵ critic calls", f"role:critic {since}")


def _latency(series: LiveSeries, window: Window, limits: AlertLimits) -> Iterator[Alert]:
    known = [point for point in series.p95_ms if point is not None]
    recent = [point for point in series.p95_ms[-3:] if point is not None]
    if len(known) < 10 or not recent:  # noqa: PLR2004 - a usual value needs some history
        return
    usual, now = median(known), median(recent)
    if now >= limits.spike_least_ms and now >= limits.spike_factor * usual:
        title = f"p95 latency {now / 1000:.1f} s, usually {usual / 1000:.1f} s"
        least = max(1, round(now / 1000 * 0.8))
        yield Alert(
            Severity.WARN,
            "latency_spike",
            title,
            "",
            "↵ the slow ones",
            f"latency>{least}s since:{window.value}",
        )


def _refusals(figures: KeyFigures, window: Window) -> Iterator[Alert]:
    if figures.refused:
        word = "call was" if figures.refused == 1 else "calls were"
        yield Alert(
            Severity.WARN,
            "refused",
            f"{figures.refused:,} {word} refused before leaving",
            "",
            "↵ why",
            f"outcome:refused since:{window.value}",
        )
