"""The bar under arming, reduce, scopes, incidents: what never leaves it, and what never misleads."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from console_scenes import NOW, bar
from rich.cells import cell_len

from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.operations.views.bar import Armed, BarSnapshot
from peak_console.operations.views.incidents import IncidentLine
from peak_console.tui.bar_drawing import BarFlags, draw_bar
from peak_console.tui.ink import Line, Tone

ARMED = Posture(PostureState.ARMED, calls=True, orders=Orders.ALL, reasons=("armed",), since=NOW)
REDUCE = Posture(PostureState.REDUCE, calls=True, orders=Orders.REDUCE, reasons=("reduce_only",), since=NOW)
LEASE = Armed("venue:paper-desk", "run_1", NOW + timedelta(minutes=14, seconds=32))
INCIDENT = IncidentLine("inc_1", Trigger.BUDGET_RUNAWAY, IncidentState.OPEN, NOW, "burn", "L2", "look")


def drawn(snapshot: BarSnapshot, width: int = 79, *, later_s: float = 0.0, readonly: bool = False) -> Line:
    """The bar's line."""
    later = NOW + timedelta(seconds=later_s)
    return draw_bar(snapshot, later, width, BarFlags(readonly=readonly), UTC)


def text_of(line: Line) -> str:
    """Its text."""
    return "".join(span.text for span in line)


@pytest.mark.parametrize("posture", [ARMED, REDUCE])
def test_the_countdown_stands_beside_everything_else_and_goes_on_by_itself(posture: Posture) -> None:
    """At 80 columns with every warning at once; a second later it is a second less, from the same facts."""
    loud = replace(
        bar("hostile"),
        posture=posture,
        armed=LEASE,
        incidents=(INCIDENT,) * 3,
        stopped_scopes=("layer:L2", "layer:L3"),
        quarantined=("openai:gpt-5.2",),
        workers_missing=("a", "b"),
        ramp_pct=50,
        reduce=True,
    )
    line = drawn(loud, readonly=True)
    assert cell_len(text_of(line)) <= 79
    assert "ARMED 14:32" in text_of(line)
    assert posture.state.value in text_of(line)
    assert "ARMED 14:29" in text_of(drawn(loud, later_s=3, readonly=True))
    assert "ARMED? 14:02" in text_of(drawn(loud, later_s=30, readonly=True))
    over = text_of(drawn(replace(loud, posture=REDUCE), later_s=900))
    assert "ARMED? " not in over
    assert "▲ ARMED" not in over


def test_what_is_armed_is_named_where_there_is_room() -> None:
    """The scope beside the countdown."""
    snapshot = replace(bar("normal"), posture=ARMED, armed=LEASE)
    assert "▲ ARMED 14:32  venue:paper-desk" in text_of(drawn(snapshot, 119))
    assert any(span.tone is Tone.CHIP_ARMED for span in drawn(snapshot, 119))


@pytest.mark.parametrize("width", [79, 119, 199])
def test_a_drill_never_looks_armed(width: int) -> None:
    """Its own word and another tone; the word ARMED stands nowhere without its dash."""
    snapshot = replace(bar("normal"), armed=replace(LEASE, drill=True))
    line = drawn(snapshot, width)
    assert "DRILL 14:32" in text_of(line)
    assert not any(span.tone is Tone.CHIP_ARMED for span in line)
    assert "ARMED" not in text_of(line).replace("DISARMED", "")


def test_what_was_lowered_and_what_waits_stands_at_80_columns() -> None:
    """A missing acknowledgement, incidents, REDUCE under another word, scopes; the ramp if there is room."""
    snapshot = replace(
        bar("normal"),
        incidents=(INCIDENT, replace(INCIDENT, incident_id="inc_2", drill=True)),
        stopped_scopes=("layer:L2",),
        quarantined=("openai:gpt-5.2",),
        workers_missing=("traffic (pid 7)",),
        reduce=True,
        ramp_pct=50,
    )
    text = text_of(drawn(snapshot))
    for must in ("✗ NO ACK 1", "✗ INC 1", "▼ REDUCE", "■ 2 off", "DISARMED"):
        assert must in text
    wide = text_of(drawn(snapshot, 199))
    for must in ("■ layer:L2 +1", "RAMP 50 %", "budget runaway"):
        assert must in wide
    calm = replace(snapshot, incidents=(replace(INCIDENT, acknowledged_by="jon"),))
    assert "▲ INC 1" in text_of(drawn(calm))
    only_drills = replace(snapshot, incidents=(replace(INCIDENT, drill=True),))
    assert "INC 1 TEST" in text_of(drawn(only_drills))


def test_a_wide_bar_says_what_to_do_next() -> None:
    """Where nothing else is driven out by it; the calm bar says nothing."""
    stopped = bar("alarming")
    assert "→ e peak enable" in text_of(drawn(stopped, 220))
    assert "→" not in text_of(drawn(bar("normal"), 220))
    assert "→" not in text_of(drawn(stopped, 79))
