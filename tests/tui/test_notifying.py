"""Alerts outside the screen: which bytes, to which terminals, and never twice for one incident."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from console_driving import screen_text
from console_past import Past
from hypothesis import given
from hypothesis import strategies as st
from incident_scenes import LATENCY, RUNAWAY

from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.incidents import IncidentState
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.incidents import IncidentLine
from peak_console.operations.views.live_source import open_source
from peak_console.tui.app import Opening, PeakApp
from peak_console.tui.bar_drawing import BarFlags
from peak_console.tui.notifying import (
    AlertSettings,
    Desktop,
    Notifier,
    desktop_of,
    desktop_sequence,
    title_sequence,
    window_title,
)
from peak_console.tui.settings import Settings, read_settings

NOW = RUNAWAY.opened_at + timedelta(minutes=6)
FRESH = replace(RUNAWAY, incident_id="inc_20261122_140500_new1", opened_at=NOW)


def bar(*incidents: IncidentLine, complete: bool = True) -> BarSnapshot:
    """A bar with open incidents."""
    return BarSnapshot(NOW, workspace="eurusd-desk", incidents=incidents, complete=complete)


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm-256color"}, Desktop.NONE),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Desktop.NONE),
        ({"TERM_PROGRAM": "iTerm.app"}, Desktop.OSC9),
        ({"TERM_PROGRAM": "WezTerm"}, Desktop.OSC777),
        ({"TERM_PROGRAM": "ghostty"}, Desktop.OSC777),
        ({"TERM": "xterm-kitty"}, Desktop.OSC99),
        ({"KITTY_WINDOW_ID": "1", "TERM": "xterm-256color"}, Desktop.OSC99),
        ({"TERM": "foot"}, Desktop.OSC777),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "WezTerm"}, Desktop.NONE),
        ({"TMUX": "default,1,0", "KITTY_WINDOW_ID": "1"}, Desktop.NONE),
        ({}, Desktop.NONE),
    ],
)
def test_the_terminal_is_known_by_what_it_says(environ: dict[str, str], kind: Desktop) -> None:
    """Only a terminal that is known to have notifications gets one; none inside tmux or screen."""
    assert desktop_of(environ) is kind


@given(st.text(), st.text(), st.sampled_from(Desktop))
def test_no_text_ends_a_sequence_early(title: str, text: str, kind: Desktop) -> None:
    """Whatever a summary holds, the terminal gets one sequence and nothing else to obey."""
    sequence = desktop_sequence(kind, title, text)
    inner = sequence.removeprefix("\x1b]").removesuffix("\x07").removesuffix("\x1b\\")
    inner = inner.replace("\x1b\\\x1b]99;i=peak1:p=body;", "", 1)
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in inner)
    named = title_sequence(title).removeprefix("\x1b]2;").removesuffix("\x07")
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in named)


def test_each_incident_is_told_once() -> None:
    """What is new rings, names the window and notifies; what stood before, is silenced or known does not."""
    written: list[str] = []
    notifier = Notifier(AlertSettings(), written.append, {"TERM_PROGRAM": "iTerm.app"})
    assert notifier.take(bar(complete=False), NOW) == []
    assert notifier.take(bar(RUNAWAY), NOW) == [], "it stood before the console was opened"
    assert "\x07" not in written
    assert written[0] == "\x1b[22;2t", "the title before is kept"
    assert notifier.take(bar(FRESH, RUNAWAY), NOW) == [FRESH]
    assert written.count("\x07") == 1
    assert len([one for one in written if one.startswith("\x1b]9;")]) == 1
    assert notifier.take(bar(FRESH, RUNAWAY), NOW) == []
    assert notifier.take(bar(RUNAWAY), NOW) == []
    assert notifier.take(bar(FRESH, RUNAWAY), NOW) == []
    quiet = replace(FRESH, incident_id="inc_q", silenced_until=NOW + timedelta(minutes=5))
    seen = replace(FRESH, incident_id="inc_s", state=IncidentState.ACKNOWLEDGED)
    drill = replace(FRESH, incident_id="inc_d", drill=True)
    assert notifier.take(bar(quiet, seen, drill, LATENCY), NOW) == []
    assert written.count("\x07") == 1
    notifier.end()
    assert written[-1] == "\x1b[23;2t", "and given back"


def test_settings_switch_each_off(tmp_path: Path) -> None:
    """``[alerts]`` of the console's config switches bell, title and desktop off, each on its own."""
    written: list[str] = []
    notifier = Notifier(AlertSettings(False, False, False), written.append, {"TERM": "xterm-kitty"})  # noqa: FBT003 - all off
    notifier.take(bar(), NOW)
    assert notifier.take(bar(FRESH), NOW) == [FRESH]
    notifier.end()
    assert written == []
    file = tmp_path / "console.toml"
    file.write_text("[alerts]\nbell = false\n", encoding="utf-8")
    assert read_settings(file).alerts == AlertSettings(bell=False)
    file.write_text("alerts = 3\n", encoding="utf-8")
    assert read_settings(file).alerts == AlertSettings()


def test_the_title_names_what_is_open() -> None:
    """The newest open incident and how many there are; the workspace alone where none is."""
    assert window_title(bar()) == "eurusd-desk · peak"
    assert window_title(bar(FRESH, RUNAWAY)) == "✗ 2 INC budget_runaway · eurusd-desk"


def opened() -> EventDraft:
    """An operator's incident."""
    body = {
        "incident_id": FRESH.incident_id,
        "trigger": "operator",
        "cause": "mara",
        "scope": "layer:L3",
        "summary": "L3 answers nonsense",
        "figures": {},
        "auto": "none",
        "next_action": "look at Calls of L3",
    }
    return EventDraft("ev_opened", EventKind.INCIDENT_OPENED.value, body)


async def test_an_alert_stands_on_any_screen_within_a_second(tmp_path: Path) -> None:
    """From ``incident.opened`` in the ledger to banner, bar and bell, on a screen that shows none.

    The console refreshes each minute only, so that it cannot be the refresh that brings it.
    """
    past = Past(tmp_path)
    past.event(
        EventKind.WORKSPACE_INITIALISED, simulated=True, version="0", sqlite_version="3", made_by="test"
    )
    opening = Opening(
        lambda: open_source(past.ws), past.ws, settings=Settings(refresh_s=60.0), flags=BarFlags()
    )
    app = PeakApp(opening)
    rung = asyncio.Event()
    app.terminal_write = lambda text: rung.set() if text == "\x07" else None  # type: ignore[method-assign]
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        end = time.monotonic() + 60
        while app.feed.reads < 2 and time.monotonic() < end:
            await pilot.pause()
        await pilot.press("2")
        while app.feed._alarm is None:  # the first glance: what stands then is no news
            await pilot.pause(0.02)
        past.tell(opened())
        await asyncio.wait_for(rung.wait(), 30)  # the next refresh comes after 60
        told = ("INCIDENT operator: L3 answers nonsense", "next: look at Calls of L3", "INC 1")
        text = ""
        while not all(words in text for words in told) and time.monotonic() < end:
            await pilot.pause(0.02)
            text = screen_text(app)
    assert [words for words in told if words not in text] == []
