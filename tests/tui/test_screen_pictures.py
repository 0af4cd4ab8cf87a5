"""Every screen in each state that a person can name, at both sizes, as a picture and as text."""

from collections.abc import Callable

import pytest
from console_driving import make_app
from console_scenes import scene

Looks = Callable[..., None]


@pytest.mark.parametrize("state", ["empty", "normal", "alarming", "stale", "broken", "hostile"])
def test_live(looks: Looks, size: str, state: str) -> None:
    """Live shows its figures, or why there are none, or how old they are; hostile text stays text."""
    looks(make_app(scene(state)), size)


@pytest.mark.parametrize("state", ["empty", "normal", "alarming", "stale", "hostile"])
def test_live_breakers(looks: Looks, size: str, state: str) -> None:
    """Breakers stand with sign, word and probe, rate limits with their age; what is too old is marked."""
    looks(make_app(scene(state)), size, "b")


@pytest.mark.parametrize("state", ["empty", "normal", "alarming", "stale", "research"])
def test_calls(looks: Looks, size: str, state: str) -> None:
    """Calls lists the newest first, and says why where it lists none."""
    looks(make_app(scene(state)), size, "2")


@pytest.mark.parametrize("state", ["normal", "hostile"])
def test_call_page(looks: Looks, size: str, state: str) -> None:
    """A call's page says what happened, by which route and why."""
    looks(make_app(scene(state)), size, "2", "enter")


def test_call_page_in_the_background(looks: Looks, size: str) -> None:
    """A pending call says since when, where and until when; whom a breaker refused, and what is left."""
    looks(make_app(scene("research")), size, "2", "enter")


def test_call_page_settled(looks: Looks, size: str) -> None:
    """A settled bill, a repaired and streamed answer, tools and a denial stand where they belong."""
    looks(make_app(scene("research")), size, "2", "down", "enter", "ctrl+f")


def test_call_page_below(looks: Looks, size: str) -> None:
    """Further down stand the texts with their hashes, and the place in the chain."""
    looks(make_app(scene("normal")), size, "2", "enter", "G")


@pytest.mark.parametrize("state", ["empty", "normal", "stale"])
def test_log(looks: Looks, size: str, state: str) -> None:
    """The log lists the newest first; a line that is no JSON is shown as it stands."""
    looks(make_app(scene(state)), size, "0")


def test_help(looks: Looks, size: str) -> None:
    """Help lists what works on the screen below, and why not where it does not."""
    looks(make_app(scene("normal"), readonly=True), size, "question_mark")


def test_enable_dialogue(looks: Looks, size: str) -> None:
    """Enable names what will happen, asks for reason and word, and says by which key."""
    looks(make_app(scene("alarming")), size, "e")


def test_filter_that_cannot_be_read(looks: Looks, size: str) -> None:
    """A filter that cannot be read is said to be so at its column, and stays to be mended."""
    looks(make_app(scene("normal")), size, "2", "slash", *"layer:L9", "enter")


def test_filtered_calls(looks: Looks, size: str) -> None:
    """A filter stands beside the breadcrumbs."""
    looks(make_app(scene("normal")), size, "2", "slash", *"outcome:failed", "enter")
