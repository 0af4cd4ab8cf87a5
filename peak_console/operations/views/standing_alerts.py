"""Alerts of what stands: incidents, arming, what is reduced, stopped or out of use, missing workers. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.live import Alert, Severity
from peak_console.operations.views.next_step import lift_command, service_missing
from peak_console.operations.views.shadow_alerts import shadow_alerts

_SHOWN: Final = 2
_WHOLE: Final = 100


def standing_alerts(bar: BarSnapshot) -> Iterator[Alert]:
    """What stands now, each with the next thing to do; the order within a severity is that of urgency."""
    yield from _workers(bar)
    yield from _incidents(bar)
    yield from _armed(bar)
    yield from _lowered(bar)
    yield from shadow_alerts(bar)
    if service_missing(bar):
        title = "no service starts the node after a reboot"
        yield Alert(Severity.WARN, "service_missing", title, "", "install it", cli="peak node install")


def _workers(bar: BarSnapshot) -> Iterator[Alert]:
    missing = bar.workers_missing
    for name in missing[:_SHOWN]:
        title = f"did not acknowledge the stop: {one_line(name, 60)}"
        detail = "it may still act"
        yield Alert(Severity.BAD, "worker_missing", title, detail, "end that process", cli="peak status")
    if len(missing) > _SHOWN:
        title = f"{len(missing) - _SHOWN} more workers did not acknowledge the stop"
        yield Alert(Severity.BAD, "worker_missing", title, "", "6 lists them", cli="peak status")


def _incidents(bar: BarSnapshot) -> Iterator[Alert]:
    for one in bar.incidents[:_SHOWN]:
        yield _incident(one, bar.taken_at)
    if len(bar.incidents) > _SHOWN:
        title = f"{len(bar.incidents) - _SHOWN} more incidents are open"
        yield Alert(Severity.WARN, "incidents_open", title, "", "6 lists them", cli="peak incident list")


def _incident(one: IncidentLine, now: datetime) -> Alert:
    """One incident; silent and made-up ones stay on the screen, and are no alarm."""
    silent = one.silenced_until is not None and one.silenced_until > now
    if one.test or one.drill or silent:
        severity = Severity.INFO
    else:
        severity = Severity.WARN if one.acknowledged_by else Severity.BAD
    mark = "TEST " if one.test else "DRILL " if one.drill else ""
    name = f"{mark}incident {one.trigger.value.replace('_', ' ')}"
    title = f"{name}: {one_line(one.summary, 60)}" if one.summary else name
    who = one.assignee or one.acknowledged_by
    told = (
        f"silent until {one.silenced_until:%H:%MZ}" if silent and one.silenced_until else "",
        f"with {one_line(who, 20)}" if who else "nobody has it yet",
        f"by itself: {one_line(one.auto, 30)}" if one.auto and one.auto != "none" else "",
    )
    action = one_line(one.next_action, 60) or "6 shows it"
    detail = ", ".join(part for part in told if part)
    return Alert(severity, "incident_open", title, detail, action, cli=one.cli or "peak incident list")


def _armed(bar: BarSnapshot) -> Iterator[Alert]:
    armed = bar.armed
    if armed is None:
        return
    run = f", run {one_line(armed.run_id, 24)}" if armed.run_id else ""
    until = f"until {armed.expires_at:%H:%M:%SZ}"
    if armed.drill:
        title = f"arm drill {until}: nothing is armed"
        yield Alert(Severity.INFO, "arm_drill", title, "", "5 then x ends it", cli="peak disarm")
        return
    title = f"ARMED {until}: live orders may be sent"
    detail = f"{one_line(armed.scope, 40)}{run}, by {one_line(armed.actor, 20) or 'nobody named'}"
    yield Alert(Severity.WARN, "armed", title, detail, "5 then x disarms", cli="peak disarm")


def _lowered(bar: BarSnapshot) -> Iterator[Alert]:
    if bar.reduce:
        title = "REDUCE: only orders that lower a position pass"
        yield Alert(
            Severity.WARN, "reduce_only", title, "", "an enable of it lifts it", cli=lift_command("reduce")
        )
    for scope in bar.stopped_scopes[:_SHOWN]:
        name = one_line(scope, 60)
        yield Alert(
            Severity.WARN,
            "scope_stopped",
            f"stopped: {name}",
            "all else may act" if bar.posture.calls else "",
            "an enable of it lifts it",
            _filter_of(scope),
            lift_command(scope),
        )
    if len(bar.stopped_scopes) > _SHOWN:
        more = len(bar.stopped_scopes) - _SHOWN
        yield Alert(Severity.WARN, "scope_stopped", f"{more} more scopes are stopped", cli="peak status")
    if bar.quarantined:
        more = len(bar.quarantined) - 1
        title = f"out of use: {one_line(bar.quarantined[0], 60)}" + (f" and {more} more" if more else "")
        first = one_line(bar.quarantined[0], 60)
        cli = f'peak drift release {first} --reason "..."'
        yield Alert(Severity.WARN, "quarantined", title, _why_out(bar), "7 shows why; release it", cli=cli)
    if bar.ramp_pct < _WHOLE and bar.posture.calls:
        title = f"limits stand at {bar.ramp_pct} % after the last enable"
        yield Alert(Severity.INFO, "ramp", title, "they come back by themselves", cli="peak status")


def _why_out(bar: BarSnapshot) -> str:
    """Why the first model is out of use, where it is known."""
    known = bar.shadow.drift if bar.shadow is not None else ()
    name = bar.quarantined[0]
    why = next((one.why for one in known if one.name == name and one.why), "")
    return one_line(why.removeprefix(f"{name} "), 80) or "its answers drifted"


def _filter_of(scope: str) -> str:
    """The calls that a stopped scope covers, as a filter; none for what is no call."""
    kind, _, name = scope.partition(":")
    if (
        kind not in {"layer", "provider", "run"}
        or not name.isascii()
        or not name.isprintable()
        or " " in name
    ):
        return ""
    return f"{kind}:{name} since:1h"
