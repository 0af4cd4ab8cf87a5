"""Alerts of shadow: jobs that fail or are missed, models that drift, a book that loses. Pure."""

from collections.abc import Iterator
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.live import Alert, Severity
from peak_console.operations.views.shadow import DriftState
from peak_console.operations.views.shadow_bar import DriftTrouble, JobTrouble, ShadowBar

_SHOWN: Final = 2


def shadow_alerts(bar: BarSnapshot) -> Iterator[Alert]:
    """What goes wrong in shadow, each with the next thing to do. A quarantine has its own alert."""
    shadow = bar.shadow
    if shadow is None:
        return
    yield from _failing([one for one in shadow.jobs if one.failed_in_row])
    yield from _missed([one for one in shadow.jobs if one.missed])
    yield from _drifting([one for one in shadow.drift if one.name not in bar.quarantined])
    yield from _books(shadow)


def _failing(jobs: list[JobTrouble]) -> Iterator[Alert]:
    for one in jobs[:_SHOWN]:
        title = f"job {one_line(one.name, 40)} failed {one.failed_in_row} times in a row"
        detail, cli = one_line(one.last_detail, 80), f"peak jobs runs {one_line(one.name, 48)}"
        yield Alert(Severity.BAD, "job_failing", title, detail, "7 shows its runs", cli=cli)
    if len(jobs) > _SHOWN:
        yield Alert(Severity.BAD, "job_failing", f"{len(jobs) - _SHOWN} more jobs fail", cli="peak jobs list")


def _missed(jobs: list[JobTrouble]) -> Iterator[Alert]:
    """Runs that were missed since their job last succeeded, in one line."""
    if not jobs:
        return
    count = sum(one.missed for one in jobs)
    names = ", ".join(one_line(one.name, 24) for one in jobs[:_SHOWN])
    more = f" and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    why = jobs[0].missed_why.replace("_", " ")
    title = f"{count} run{'s' if count != 1 else ''} missed: {names}{more}"
    yield Alert(Severity.WARN, "runs_missed", title, why, "7 shows the jobs", cli="peak jobs list")


def _drifting(models: list[DriftTrouble]) -> Iterator[Alert]:
    for one in models[:_SHOWN]:
        name = one_line(one.name, 60)
        grew = f"evidence {one.evidence:.1f} of {one.alarm_at:.1f}" if one.alarm_at else ""
        detail = one_line(one.why, 80) or grew
        if one.state is DriftState.WATCH:
            title, severity = f"{name} may drift", Severity.WARN
        else:
            title, severity = f"{name} drifted", Severity.BAD
        yield Alert(
            severity, "drift", title, detail, "7 shows its tests", _calls_of(one), "peak drift status"
        )
    if len(models) > _SHOWN:
        title = f"{len(models) - _SHOWN} more models may drift"
        yield Alert(Severity.WARN, "drift", title, cli="peak drift status")


def _books(shadow: ShadowBar) -> Iterator[Alert]:
    for one in shadow.books[:_SHOWN]:
        over = one.drawdown_pct >= one.limit_pct
        title = f"book {one_line(one.name, 40)} stands {one.drawdown_pct:.1f} % below its highest"
        detail = f"limit {one.limit_pct:f} %" + (": the gate blocks" if over else "")
        severity = Severity.BAD if over else Severity.WARN
        yield Alert(severity, "drawdown", title, detail, "7 shows its cycles", cli="peak shadow book")


def _calls_of(one: DriftTrouble) -> str:
    """Its calls as a filter; none where its name would need quotes."""
    model = one.name.partition(":")[2]
    plain = model.isascii() and model.isprintable() and not set(model) & set(' "*?[],')
    return f"model:{model} since:1h" if plain and model else ""
