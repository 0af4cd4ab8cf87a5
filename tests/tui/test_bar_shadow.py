"""The bar's parts of shadow and the alerts that go with them: every state has its words, unknown is grey."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from peak_console.domain.jobs import JobKind, RunState
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.jobs.listing import JobsNow
from peak_console.operations.shadow.bar_facts import book_troubles, shadow_bar
from peak_console.operations.shadow.job_lines import RecordedJobs
from peak_console.operations.shadow.job_runs import JobRecord
from peak_console.operations.views.bar import BarSnapshot, NodeFacts
from peak_console.operations.views.live import Severity
from peak_console.operations.views.shadow import (
    BookLine,
    CheckLine,
    DriftLine,
    DriftState,
    JobLine,
    JobRunLine,
    JobState,
    StreamLine,
)
from peak_console.operations.views.shadow_alerts import shadow_alerts
from peak_console.operations.views.shadow_bar import ShadowBar
from peak_console.operations.views.standing_alerts import standing_alerts
from peak_console.tui.bar_drawing import BarFlags, draw_bar
from peak_console.tui.bar_shadow import drift_forms, shadow_forms
from peak_console.tui.ink import Line, Tone

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
JOB = JobLine(
    "eurusd", JobKind.SHADOW_CYCLE, JobState.WAITING, "every 15m", next_at=NOW + timedelta(minutes=12)
)
RUN = JobRunLine("eurusd@x", "eurusd", RunState.RUNNING, NOW)
WATCHED = DriftLine(
    "openai", "gpt-5.2", ("L2.primary",), DriftState.WATCH,
    streams=(StreamLine("refusal", 40, 6, 1.0, 8.1, 10.6),), last_answer_at=NOW - timedelta(seconds=12),
)  # fmt: skip
FINE = replace(WATCHED, model_id="gpt-5-nano", state=DriftState.OK)
UNSEEN = DriftLine("google", "gemini-2.5-pro", ("L4.primary",), DriftState.UNKNOWN)


def of(*jobs: JobLine, drift: tuple[DriftLine, ...] = (), record: RecordedJobs | None = None) -> ShadowBar:
    """The facts of these jobs and models."""
    return shadow_bar(NOW, JobsNow(NOW, jobs, told_by_node=True), record or RecordedJobs(), drift)


def text(forms: tuple[Line, ...]) -> str:
    """The longest form in words."""
    return "".join(span.text for span in forms[0])


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ((JOB,), "JOBS eurusd in 12m"),
        ((replace(JOB, running=(RUN,), state=JobState.RUNNING), JOB), "JOBS ▶ eurusd"),
        ((replace(JOB, state=JobState.HELD),), "JOBS ▲ held"),
        ((replace(JOB, state=JobState.PAUSED),), "JOBS ▲ 1 paused"),
        ((), "JOBS nothing scheduled"),
    ],
)
def test_the_scheduler_is_told_by_what_it_does(jobs: tuple[JobLine, ...], words: str) -> None:
    """Running before due, held before all."""
    assert text(shadow_forms(of(*jobs), NOW)) == words


def test_without_a_node_what_is_due_is_unknown_and_grey() -> None:
    """No figure is shown that nobody tells; a bar that nobody asked says nothing."""
    (line,) = shadow_forms(shadow_bar(NOW, None, RecordedJobs(), ()), NOW)
    assert line[-1].tone is Tone.UNKNOWN
    assert shadow_forms(None, NOW) == drift_forms(None, NOW) == ()


def test_drift_is_green_with_its_age_alone_and_grey_where_nothing_was_looked_at() -> None:
    """The gravest state is counted; an alarm stays at 80 columns."""
    assert text(drift_forms(of(drift=(FINE, UNSEEN)), NOW)) == "DRIFT ✓ 1/2 12s"
    assert drift_forms(of(drift=(UNSEEN,)), NOW)[0][-1].tone is Tone.UNKNOWN
    assert drift_forms(of(), NOW)[0][-1].tone is Tone.UNKNOWN
    out = replace(FINE, state=DriftState.QUARANTINED, why="served gpt-4o")
    facts = of(drift=(WATCHED, out))
    assert text(drift_forms(facts, NOW)) == "DRIFT ✗ 1 quarantined +1 12s"
    assert text(drift_forms(replace(facts, drift_at=None), NOW)) == "DRIFT ✗ 1 quarantined +1", (
        "no age, no dash"
    )
    checked = replace(
        UNSEEN, state=DriftState.OK, canary=CheckLine(NOW - timedelta(hours=3), ok=True, detail="")
    )
    assert text(drift_forms(of(drift=(checked,)), NOW)) == "DRIFT ✓ 3h"
    posture = Posture(PostureState.DISARMED, calls=True, orders=Orders.NONE, reasons=("enabled",))
    bar = BarSnapshot(NOW, posture, workspace="x", node=NodeFacts(running=True), shadow=facts)
    assert "DRIFT ✗" in "".join(span.text for span in draw_bar(bar, NOW, 80, BarFlags(), UTC))
    gone = replace(bar, node=NodeFacts(running=False), quarantined=("openai:gpt-5.2",), simulated=True)
    assert "NODE ✗" in "".join(span.text for span in draw_bar(gone, NOW, 80, BarFlags(), UTC)), "before drift"


def test_what_goes_wrong_is_an_alert_with_its_next_action() -> None:
    """Failing twice, missed, drifting, losing; a model out of use is told once, with how to release it."""
    record = RecordedJobs()
    failed = replace(RUN, state=RunState.FAILED, detail="no data")
    record.records = {
        "eurusd": JobRecord("eurusd", runs={"k": failed}, failed_in_row=2),
        "gold": JobRecord("gold", missed_since=3, last_missed="node_down"),
        "once": JobRecord("once", failed_in_row=1),
    }
    out = replace(FINE, state=DriftState.QUARANTINED, why="served gpt-4o")
    facts = replace(
        of(drift=(WATCHED, out), record=record),
        books=book_troubles(
            [BookLine("a", None, None, Decimal(6)), BookLine("b", None, None, Decimal(4))], Decimal(10)
        ),
    )
    bar = BarSnapshot(NOW, shadow=facts, quarantined=("openai:gpt-5-nano",))
    alerts = {one.code: one for one in shadow_alerts(bar)}
    assert set(alerts) == {"job_failing", "runs_missed", "drift", "drawdown"}
    assert alerts["job_failing"].title == "job eurusd failed 2 times in a row"
    assert (alerts["job_failing"].severity, alerts["job_failing"].detail) == (Severity.BAD, "no data")
    assert alerts["job_failing"].cli == "peak jobs runs eurusd"
    assert (alerts["runs_missed"].title, alerts["runs_missed"].detail) == (
        "3 runs missed: gold",
        "node down",
    )
    assert alerts["drift"].detail == "evidence 8.1 of 10.6"
    assert alerts["drift"].filter == "model:gpt-5.2 since:1h"
    assert alerts["drawdown"].title == "book a stands 6.0 % below its highest"
    assert all(one.action and one.cli for one in alerts.values())
    (told,) = [one for one in standing_alerts(bar) if one.code == "quarantined"]
    assert (told.detail, told.cli) == (
        "served gpt-4o",
        'peak drift release openai:gpt-5-nano --reason "..."',
    )
    assert list(shadow_alerts(replace(bar, shadow=None))) == []
