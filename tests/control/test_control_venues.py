"""Cancelling all orders: every venue at once, by its own deadline; whatever one does, the others are done."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from peak_console.control.venues import (
    CancelReport,
    CancelVenue,
    begin_cancel_all,
    cancel_all,
    only,
    venues_of,
)


@dataclass(frozen=True)
class FakeVenue:
    """A venue that does as it is told."""

    name: str
    act: Callable[[float], CancelReport]
    by_hand: str = "https://example.org/orders"

    def cancel_all(self, deadline_s: float) -> CancelReport:
        """Do it."""
        return self.act(deadline_s)


def done(_: float) -> CancelReport:
    """Three orders were cancelled."""
    return CancelReport(3)


def refused(_: float) -> CancelReport:
    """The venue does not answer."""
    raise ConnectionRefusedError("no route")


def test_without_a_venue_the_step_says_so() -> None:
    """Nothing trades here; the step is done."""
    step = cancel_all([])
    assert (step.ok, step.detail, step.as_dict()["step"]) == (True, "no venue", "cancel_all")


def test_a_venue_that_hangs_or_fails_keeps_no_other_from_cancelling() -> None:
    """All are asked at once; what hangs is given up at the deadline, and every failure has its remedy."""
    release = threading.Event()

    def hangs(_: float) -> CancelReport:
        release.wait(300)
        return CancelReport(0)

    venues = [FakeVenue("slow", hangs), FakeVenue("down", refused), FakeVenue("good", done)]
    cancelling = begin_cancel_all(venues, patience_s=60.0)
    for thread in cancelling._threads[1:]:
        thread.join(60)
    cancelling._until = time.monotonic()  # the time of the one that hangs is over
    step = cancelling.result()
    assert cancelling._threads[0].is_alive()
    release.set()
    slow, down, good = step.venues
    assert (good.ok, good.cancelled, good.remedy) == (True, 3, "")
    assert (slow.ok, slow.detail) == (False, "no answer within 60 s: its orders may stand")
    assert (down.ok, down.detail) == (False, "no route: its orders may stand")
    assert not step.ok
    assert [one.venue for one in step.failed] == ["slow", "down"]
    assert "cancel at slow by hand: https://example.org/orders" in step.remedy


def test_orders_that_stand_are_named() -> None:
    """A venue that cancelled some has failed; the first are named, the rest counted."""
    left = tuple(f"ord_{number}" for number in range(7))
    step = cancel_all([FakeVenue("kraken", lambda _: CancelReport(2, left, "rate limited"))])
    (venue,) = step.venues
    assert (venue.ok, venue.cancelled, venue.left) == (False, 2, left)
    assert "7 stand: ord_0, ord_1, ord_2, ord_3, ord_4 and 2 more; rate limited" in step.detail
    assert venue.as_dict()["left"] == list(left)


def test_all_venues_are_asked_at_once() -> None:
    """Each waits for the other: one after the other they would never be done."""
    both = threading.Barrier(2, timeout=60)

    def meets(_: float) -> CancelReport:
        both.wait()
        return CancelReport(1)

    step = cancel_all([FakeVenue("a", meets), FakeVenue("b", meets)], patience_s=60)
    assert (step.ok, step.detail) == (True, "2 orders cancelled at a, b")


def test_the_deadline_runs_from_the_beginning() -> None:
    """What else is done meanwhile is no more time for a venue; what was done before it counts."""
    cancelling = begin_cancel_all([FakeVenue("good", done)], patience_s=0.05)
    cancelling._threads[0].join(60)
    assert cancelling.result().ok
    assert cancelling.result().ok


def test_venues_that_cannot_be_read_are_told_as_a_failure(tmp_path: Path) -> None:
    """A broken config of venues does not mean that there are none."""

    def broken(_: Path) -> list[CancelVenue]:
        raise ValueError("venues.toml is no TOML")

    def good(_: Path) -> list[CancelVenue]:
        return [FakeVenue("good", done)]

    step = cancel_all(venues_of(tmp_path, finders=[broken, good]))
    assert [one.ok for one in step.venues] == [False, True]
    assert "venues.toml is no TOML" in step.detail
    assert "peak lint" in step.remedy


@pytest.mark.parametrize("patience_s", [5.0])
def test_each_venue_is_told_its_deadline(patience_s: float) -> None:
    """Its own client can give up in time."""
    told: list[float] = []

    def notes(deadline_s: float) -> CancelReport:
        told.append(deadline_s)
        return CancelReport(0)

    cancel_all([FakeVenue("a", notes)], patience_s=patience_s)
    assert told == [patience_s]


def test_a_stop_of_one_venue_cancels_there_alone() -> None:
    """The one of the name; who cannot even be asked is asked about it; a name that there is not fails."""
    good, other = FakeVenue("good", done), FakeVenue("other", refused)
    assert only((good, other), "good") == (good,)
    assert only((), "good") == ()

    def breaks(_: Path) -> list[CancelVenue]:
        raise OSError("no such file")

    unread = venues_of(Path(), finders=(breaks,))
    assert only((good, *unread), "good") == (good, *unread)
    step = cancel_all(only((good, other), "goood"))
    assert not step.ok
    assert "no venue is called goood, there is good, other" in step.detail
    assert "peak stop --scope venue:NAME" in step.remedy
