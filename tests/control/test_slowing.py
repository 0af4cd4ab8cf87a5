"""Cooldown, ramp and number of persons as they stood: what an edit of the file alone does not make laxer."""

from typing import Any

from peak_console.config.control import ControlConfig
from peak_console.control.slowing import ENABLE, SLOWING, Slowed, Slowing, slowing_of, stricter

STRICT = Slowing(300, ((0, 50), (3600, 75), (7200, 100)))
LAX = Slowing(0, ((0, 100),))
TWO = Slowing(300, STRICT.ramp, two_person=True)
STOP = ("control.stopped", {"scope": "global"})
SCOPED = ("control.stopped", {"scope": "layer:L2"})
GO = ("control.enabled", {"scope": "global"})
SAVED: tuple[str, dict[str, Any]] = ("config.changed", {"path": "configs/control.toml", "kind": "control"})

Told = tuple[str, dict[str, Any]]


def begun(figures: Slowing, digest: str) -> Told:
    """A node begins with a version of the file."""
    return "node.started", {"digests": {"control": digest}, SLOWING: figures.told()}


def seen(figures: Slowing, digest: str) -> Told:
    """The node sees that the file is another."""
    return "config.changed", {"file": "control", "new": digest, SLOWING: figures.told()}


def saved(digest: str, kind: str = "control") -> Told:
    """An operator's proved save."""
    return SAVED[0], {**SAVED[1], "kind": kind, "new": digest}


def after(*told: Told) -> Slowed:
    """The fold of these events."""
    slowed = Slowed()
    for kind, body in told:
        slowed = slowed.after(kind, body)
    return slowed


def test_an_edit_after_a_stop_shortens_no_cooldown() -> None:
    """Of everything and of a scope; nor by another stop after the edit, nor while no node runs."""
    start = begun(STRICT, "a")
    assert after(start, STOP).since("global", LAX, "b").cooldown_s == 300
    assert after(start, SCOPED, seen(LAX, "b")).since("layer:L2", LAX, "b").cooldown_s == 300
    assert after(start, STOP, seen(LAX, "b"), STOP).since("global", LAX, "b").cooldown_s == 300
    assert after(start, GO, begun(LAX, "b"), STOP).since("global", LAX, "b").cooldown_s == 300
    assert after(start, seen(LAX, "b"), STOP).since("global", LAX, "b").cooldown_s == 0  # before the stop
    assert after(begun(LAX, "a"), STOP).since("global", STRICT, "b").cooldown_s == 300  # stricter at once
    assert after(start, STOP, GO, seen(LAX, "b"), STOP).since("global", LAX, "b").cooldown_s == 0


def test_what_an_operator_saved_since_counts() -> None:
    """By its digest: neither a save of another config, nor one before the stop, nor an edit on top of it."""
    start = begun(STRICT, "a")
    assert after(start, STOP, saved("b")).since("global", LAX, "b").cooldown_s == 0
    assert after(start, STOP, seen(LAX, "b"), saved("b")).since("global", LAX, "b").cooldown_s == 0
    assert after(start, saved("b"), begun(LAX, "b"), STOP).since("global", LAX, "b").cooldown_s == 0
    assert after(start, STOP, saved("b", "limits")).since("global", LAX, "b").cooldown_s == 300
    assert after(start, saved("b"), STOP).since("global", LAX, "b").cooldown_s == 300
    assert after(start, STOP, saved("b")).since("global", LAX, "c").cooldown_s == 300
    assert after(start, STOP).since("global", LAX, None).cooldown_s == 300


def test_an_edit_hastens_no_ramp() -> None:
    """Neither one while it runs nor one between the stop and the enable; a save does both."""
    start = begun(STRICT, "a")
    assert after(start, STOP, GO, seen(LAX, "b")).since(ENABLE, LAX, "b").ramp == STRICT.ramp
    assert after(start, STOP, seen(LAX, "b"), GO).since(ENABLE, LAX, "b").ramp == STRICT.ramp
    assert after(start, STOP, GO, GO, begun(LAX, "b")).since(ENABLE, LAX, "b").ramp == STRICT.ramp
    assert after(start, STOP, GO, saved("b"), seen(LAX, "b")).since(ENABLE, LAX, "b").ramp == LAX.ramp
    assert after(start, STOP, saved("b"), seen(LAX, "b"), GO).since(ENABLE, LAX, "b").ramp == LAX.ramp
    crossing = stricter(STRICT, Slowing(0, ((0, 20), (60, 100))))
    assert crossing.ramp == ((0, 20), (60, 50), (3600, 75), (7200, 100))


def test_two_persons_are_taken_back_by_a_save_alone() -> None:
    """An edit of the file leaves them asked for, after a restart too; a save ends it for good."""
    assert not after(begun(STRICT, "a")).two_person("a", asked=False)
    assert after(begun(TWO, "a")).two_person("b", asked=False)
    assert after(begun(TWO, "a"), seen(STRICT, "b"), begun(STRICT, "b")).two_person("b", asked=False)
    assert not after(begun(TWO, "a"), seen(STRICT, "b"), saved("b")).two_person("b", asked=False)
    ended = after(begun(TWO, "a"), saved("b"), seen(STRICT, "b"))
    assert not ended.two_person("c", asked=False)
    assert ended.two_person("c", asked=True)
    assert after(begun(TWO, "a"), saved("b"), seen(STRICT, "b"), seen(TWO, "a")).two_person("b", asked=False)


def test_the_figures_are_told_as_they_are_read() -> None:
    """What the node writes folds to what the config says; what cannot be read changes nothing."""
    figures = slowing_of(ControlConfig())
    assert figures == STRICT
    assert after(begun(TWO, "a"), STOP).since("global", LAX, "b") == TWO
    assert (
        after(begun(STRICT, "a"), ("node.started", {SLOWING: {"ramp": 3}}), STOP).since("global", LAX, "b")
        == STRICT
    )
    assert tuple((one.after_s, int(one.limit_pct)) for one in figures.steps()) == figures.ramp
