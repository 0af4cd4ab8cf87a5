"""Alerts of what stands: each with its severity, its next action and the command."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views.bar import Armed, BarSnapshot, NodeFacts
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.live import Alert, Severity
from peak_console.operations.views.standing_alerts import standing_alerts

NOW = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
PERMITS = Posture(PostureState.DISARMED, calls=True, orders=Orders.NONE, reasons=("enabled",))
CALM = BarSnapshot(
    NOW, PERMITS, phase="live", node=NodeFacts(running=True, service="systemctl --user start x")
)
OPEN = IncidentLine(
    "inc_1", Trigger.BUDGET_RUNAWAY, IncidentState.OPEN, NOW, "L2 burns 14x", "L2", "see which calls", "6",
    "peak incident show inc_1",
)  # fmt: skip


def found(bar: BarSnapshot) -> list[Alert]:
    """The alerts."""
    return list(standing_alerts(bar))


def test_nothing_stands_where_nothing_was_done() -> None:
    """A calm bar has no alert of these."""
    assert found(CALM) == []


def test_an_incident_is_red_until_somebody_has_it_and_silent_or_made_up_ones_are_no_alarm() -> None:
    """Its summary, who has it, what happened by itself, what to do; many are summed up."""
    (alert,) = found(replace(CALM, incidents=(replace(OPEN, auto="stop_scope"),)))
    assert (alert.severity, alert.code) == (Severity.BAD, "incident_open")
    assert alert.title == "incident budget runaway: L2 burns 14x"
    assert alert.detail == "nobody has it yet, by itself: stop_scope"
    assert (alert.action, alert.cli) == ("see which calls", "peak incident show inc_1")
    (had,) = found(replace(CALM, incidents=(replace(OPEN, acknowledged_by="mara", assignee="jon"),)))
    assert (had.severity, had.detail) == (Severity.WARN, "with jon")
    silent = replace(OPEN, silenced_until=NOW + timedelta(minutes=10))
    for one in (silent, replace(OPEN, test=True), replace(OPEN, drill=True)):
        assert found(replace(CALM, incidents=(one,)))[0].severity is Severity.INFO
    again = replace(OPEN, silenced_until=NOW)
    assert found(replace(CALM, incidents=(again,)))[0].severity is Severity.BAD
    assert found(replace(CALM, incidents=(OPEN,) * 5))[-1].title == "3 more incidents are open"


def test_what_is_armed_names_its_end_and_a_drill_is_no_warning() -> None:
    """What it covers, by whom, and the key that ends it."""
    armed = Armed("venue:demo", "run_1", NOW + timedelta(minutes=15), actor="mara")
    (alert,) = found(replace(CALM, armed=armed))
    assert (alert.severity, alert.title) == (Severity.WARN, "ARMED until 14:20:09Z: live orders may be sent")
    assert alert.detail == "venue:demo, run run_1, by mara"
    (drill,) = found(replace(CALM, armed=replace(armed, drill=True)))
    assert drill.severity is Severity.INFO
    assert "ARMED" not in drill.title


def test_what_was_lowered_names_what_lifts_it_and_missing_workers_come_first() -> None:
    """Reduce, scopes with their calls as evidence, models out of use, the ramp, a service that is missing."""
    bar = replace(
        CALM,
        workers_missing=("traffic (pid 7)\x1b[2J",),
        reduce=True,
        stopped_scopes=("layer:L2", "venue:demo", "run:a", "run:b"),
        quarantined=("openai:gpt-5.2", "google:gemini"),
        ramp_pct=50,
        node=NodeFacts(running=True, service=""),
    )
    alerts = found(bar)
    codes = [one.code for one in alerts]
    assert codes[0] == "worker_missing"
    assert "\x1b" not in alerts[0].title
    assert codes.count("scope_stopped") == 3
    assert {"reduce_only", "quarantined", "ramp", "service_missing"} < set(codes)
    scope = next(one for one in alerts if one.code == "scope_stopped")
    assert scope.filter == "layer:L2 since:1h"
    assert scope.cli.startswith("peak enable --scope layer:L2 ")
    assert "2 more scopes are stopped" in [one.title for one in alerts]
