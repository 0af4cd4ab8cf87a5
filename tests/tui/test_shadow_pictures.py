"""The Shadow screen as pictures: calm at both sizes, alarming at both; a model's page and a release."""

from collections.abc import Callable

import pytest
from shadow_scenes import shadow_app

Looks = Callable[..., None]


@pytest.mark.parametrize("state", ["normal", "alarming"])
def test_shadow(looks: Looks, size: str, state: str) -> None:
    """Jobs, cycles with the gate's reasons, drift of each model, readiness: the gravest first."""
    looks(shadow_app(state)[0], size, "7")


def test_shadow_cycle(looks: Looks) -> None:
    """A cycle from its data to the book, with what the gate measured against which limit."""
    looks(shadow_app("normal")[0], "120x40", "7", "tab", "down", "down", "enter")


def test_shadow_release(looks: Looks) -> None:
    """Before a model is released its evidence stands there, and what is still missing."""
    looks(shadow_app("alarming")[0], "80x24", "7", "tab", "tab", "R")
