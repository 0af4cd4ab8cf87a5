"""Runs, a run, an event and the evidence browser in each state a person can name, at both sizes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from console_driving import make_app, press, settle
from run_scenes import MadeUpWork, run_scene
from textual.pilot import Pilot

from peak_console.tui.app import PeakApp

Looks = Callable[..., None]


def app_over(state: str) -> PeakApp:
    """The console over a scene of runs, with made-up long work."""
    app = make_app(run_scene(state))
    app.opening = replace(app.opening, work=MadeUpWork(state))
    return app


def keys(*names: str) -> Callable[[Pilot[Any]], Any]:
    """Press keys, each with the long work that follows from it."""

    async def steps(pilot: Pilot[Any]) -> None:
        for name in names:
            await press(pilot, name)
            for work in ("long_work", "proving"):
                begun = getattr(pilot.app.screen, work, None)
                if begun is not None:
                    begun().wait()
            await settle(pilot)
        await pilot.app.screen.wait_for_refresh()
        pilot.app.clear_notifications()

    return steps


@pytest.mark.parametrize("state", ["empty", "normal", "alarming", "stale", "behind", "unindexed", "hostile"])
def test_runs(looks: Looks, size: str, state: str) -> None:
    """Runs lists the newest first; why it lists none, and how far the index reaches, is said."""
    looks(app_over(state), size, "3")


def test_filtered_runs(looks: Looks, size: str) -> None:
    """A filter stands beside the breadcrumbs."""
    looks(app_over("normal"), size, "3", "slash", *"critic:FAIL", "enter")


@pytest.mark.parametrize("state", ["normal", "alarming", "stale", "hostile"])
def test_run_page(looks: Looks, size: str, state: str) -> None:
    """A run's page says what it came to, and its timeline from input to order."""
    looks(app_over(state), size, steps=keys("3", "down", "enter"))


def test_run_verified(looks: Looks, size: str) -> None:
    """A verification says from which event to which, and where the chain is broken."""
    looks(app_over("alarming"), size, steps=keys("3", "down", "enter", "v"))


def test_run_artefacts(looks: Looks, size: str) -> None:
    """The artefacts stand with their hashes, a changed one in red with its reason."""
    looks(app_over("alarming"), size, steps=keys("3", "down", "enter", "a"))


@pytest.mark.parametrize("state", ["normal", "hostile"])
def test_event_page(looks: Looks, size: str, state: str) -> None:
    """An event's page shows place, proof, body and header."""
    looks(app_over(state), size, steps=keys("3", "down", "enter", *["down"] * 8, "enter"))


@pytest.mark.parametrize("state", ["empty", "normal", "alarming"])
def test_evidence(looks: Looks, size: str, state: str) -> None:
    """The browser lists packs with what is known of them; nothing unverified looks good."""
    looks(app_over(state), size, steps=keys("3", "e"))


@pytest.mark.parametrize("state", ["normal", "alarming"])
def test_pack_page(looks: Looks, size: str, state: str) -> None:
    """Opening a pack verifies it; what is missing, extra or changed stands first, in red."""
    looks(app_over(state), size, steps=keys("3", "e", "enter"))


def test_critic_report(looks: Looks, size: str) -> None:
    """The report is drawn as Markdown; links and images are words, HTML is text."""
    looks(app_over("normal"), size, steps=keys("3", "e", "enter", "m"))
