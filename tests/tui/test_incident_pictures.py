"""The incident panel and the Incident screen in the states that a person can name, as pictures and text."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from console_driving import make_app
from incident_scenes import FULL, HELD, FakeContainment, FakeDesk, incident_source
from textual.pilot import Pilot

from peak_console.operations.containing import StepDone
from peak_console.tui.app import PeakApp

Looks = Callable[..., None]
PANEL = ("empty", "open", "alarming")
SCREEN = ("empty", "open", "stale", "hostile")


def incident_app(state: str, steps: tuple[StepDone, ...] = HELD) -> PeakApp:
    """The console over a scene with incidents; its keys come to ``steps``."""
    app = make_app(incident_source(state))
    app.opening = replace(app.opening, containment=FakeContainment(steps), desk=FakeDesk())
    return app


async def ended(pilot: Pilot[Any]) -> None:
    """Wait until every part of the key has ended."""
    app = pilot.app
    assert isinstance(app, PeakApp)
    until = time.monotonic() + 60
    while time.monotonic() < until and not all(one.over for one in app.contained.values()):
        await pilot.pause()
    assert app.contained


@pytest.mark.parametrize("state", PANEL)
def test_incident_panel(looks: Looks, size: str, state: str) -> None:
    """Posture in the runbook's words, what is open, whom to call, and four keys that ask nothing."""
    looks(incident_app(state), size, "exclamation_mark")


@pytest.mark.parametrize(("state", "steps"), [("open", HELD), ("alarming", FULL)], ids=["held", "failed"])
def test_incident_results(looks: Looks, size: str, state: str, steps: tuple[StepDone, ...]) -> None:
    """After ``a`` each part stands with its time; what failed with its remedy; all of it at 80 by 24."""
    looks(incident_app(state, steps), size, "exclamation_mark", "a", steps=ended)


@pytest.mark.parametrize("state", SCREEN)
def test_incident_screen(looks: Looks, size: str, state: str) -> None:
    """The list, what to do next, what was done since, the card; why it is empty; how old it is."""
    looks(incident_app(state), size, "6")


def test_incident_form(looks: Looks) -> None:
    """A form names the incident, what it asks for, and what is missing."""
    looks(incident_app("open"), "80x24", "6", "h")
