"""Who makes calls, who acknowledged which stop, and who is missing: by an injected clock, without a node."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from peak_console.domain.clock import ManualClock
from peak_console.node.workers import ROUNDS_KEPT, Notice, Workers

ACK_S = 5.0


@dataclass(eq=False)
class FakeLine:
    """A connection that keeps what it was told."""

    client_id: str
    name: str = "job"
    actor: str = "anna/job:research"
    pid: int = 4711
    worker: bool = True
    told: list[Notice] = field(default_factory=list)

    def push(self, notice: Notice) -> bool:
        """Keep it."""
        self.told.append(notice)
        return True


class Desk:
    """Workers with their clock, what is on record and whose calls are open."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.recorded: list[dict[str, Any]] = []
        self.open: set[str] = set()
        self.workers = Workers(
            self.clock, open_calls=lambda: self.open, record=self.recorded.append, ack_s=lambda: ACK_S
        )

    def joined(self, *names: str) -> list[FakeLine]:
        """Workers that have said hello."""
        lines = [FakeLine(f"client-{name}", name) for name in names]
        for line in lines:
            self.workers.joined(line)
        return lines


@pytest.fixture
def desk() -> Desk:
    """Nobody there, nothing on record."""
    return Desk()


def names(workers: list[dict[str, Any]]) -> list[str]:
    """Who is named."""
    return [one["name"] for one in workers]


def test_every_worker_is_told_once_and_nobody_else(desk: Desk) -> None:
    """A stop is announced to who makes calls; the same stop is one round."""
    (line,) = desk.joined("a")
    other = FakeLine("client-other", worker=False)
    desk.workers.joined(other)
    desk.workers.announce("stop_1", "global")
    desk.workers.announce("stop_1", "global")
    assert line.told == [{"notice": "control", "stop_id": "stop_1", "scope": "global"}]
    assert other.told == []


def test_as_soon_as_all_acknowledged_it_is_on_record(desk: Desk) -> None:
    """One record, with how long each took and what it cancelled."""
    desk.joined("a", "b")
    desk.workers.announce("stop_1", "layer:L2")
    desk.clock.advance(0.02)
    assert desk.workers.acknowledge("client-a", "stop_1", 3)
    assert desk.recorded == []
    assert desk.workers.acknowledge("client-b", "stop_1", 0)
    desk.clock.advance(60)
    desk.workers.tick()
    (body,) = desk.recorded
    assert (body["stop_id"], body["scope"], body["missing"]) == ("stop_1", "layer:L2", [])
    assert body["workers"][0] == {
        "name": "a",
        "pid": 4711,
        "actor": "anna/job:research",
        "cancelled": 3,
        "ms": 20,
    }
    assert desk.workers.missing() == ()


def test_who_does_not_answer_is_missing_until_it_does(desk: Desk) -> None:
    """Recorded as missing after the patience; once it answers late, that is on record too."""
    desk.joined("a", "frozen")
    desk.workers.announce("stop_1", "global")
    desk.workers.acknowledge("client-a", "stop_1", 0)
    assert desk.workers.missing() == ()
    desk.clock.advance(ACK_S)
    desk.workers.tick()
    desk.workers.tick()
    assert [names(one["missing"]) for one in desk.recorded] == [["frozen"]]
    (missing,) = desk.workers.missing()
    assert (missing.name, missing.why, missing.stop_id) == ("frozen", "not_acknowledged", "stop_1")
    lines = {one["name"]: one for one in desk.workers.report()["workers"]}
    assert (lines["frozen"]["missing"], lines["frozen"]["acknowledged_ms"]) == (True, None)
    assert (lines["a"]["missing"], lines["a"]["acknowledged_ms"]) == (False, 0)
    desk.workers.acknowledge("client-frozen", "stop_1", 2)
    assert [names(one["missing"]) for one in desk.recorded] == [["frozen"], []]
    assert desk.workers.missing() == ()


def test_a_worker_that_ends_in_good_order_is_not_waited_for(desk: Desk) -> None:
    """Its process is gone and has nothing in flight: nothing of it can leave."""
    line, _ = desk.joined("a", "b")
    desk.workers.announce("stop_1", "global")
    desk.workers.acknowledge("client-b", "stop_1", 0)
    desk.workers.left(line)
    assert [(names(one["workers"]), one["missing"]) for one in desk.recorded] == [(["b"], [])]


def test_a_worker_that_goes_away_with_calls_in_flight_is_lost(desk: Desk) -> None:
    """Without any stop; it is told of until it is back, or ten minutes have passed."""
    (line,) = desk.joined("a")
    desk.open = {"client-a"}
    desk.workers.left(line)
    assert desk.workers.missing() == ()
    desk.clock.advance(ACK_S)
    assert [(one.name, one.why) for one in desk.workers.missing()] == [("a", "lost")]
    desk.workers.joined(FakeLine("client-a", "a"))
    assert desk.workers.missing() == ()
    desk.workers.left(next(iter(desk.joined("b"))))
    desk.clock.advance(601)
    desk.workers.tick()
    assert desk.workers.missing() == ()


def test_a_worker_that_comes_back_is_told_what_it_owes(desk: Desk) -> None:
    """A reconnection in mid-stop loses no acknowledgement; a stop that was lifted is owed no longer."""
    (line,) = desk.joined("a")
    desk.open = {"client-a"}
    desk.workers.announce("stop_1", "global")
    desk.workers.announce("stop_2", "layer:L2")
    desk.workers.left(line)
    desk.workers.lifted("global")
    back = FakeLine("client-a", "a")
    desk.workers.joined(back)
    assert [one["stop_id"] for one in back.told] == ["stop_2"]
    desk.clock.advance(ACK_S)
    assert [one.stop_id for one in desk.workers.missing()] == ["stop_2"]


def test_an_answer_that_nobody_asked_for_is_not_taken(desk: Desk) -> None:
    """Not of a stop nobody announced, not of a client that was not asked."""
    desk.joined("a")
    desk.workers.announce("stop_1", "global")
    assert not desk.workers.acknowledge("client-a", "stop_9", 0)
    assert not desk.workers.acknowledge("client-z", "stop_1", 0)


def test_without_workers_a_stop_leaves_no_record(desk: Desk) -> None:
    """There is nobody to wait for, and the report says that it is over."""
    desk.workers.announce("stop_1", "global")
    desk.clock.advance(60)
    desk.workers.tick()
    assert desk.recorded == []
    assert desk.workers.report()["over"]


def test_only_the_last_stops_are_kept(desk: Desk) -> None:
    """Whoever stops again and again fills no memory."""
    desk.joined("a")
    for number in range(ROUNDS_KEPT + 4):
        desk.workers.announce(f"stop_{number}", "global")
    assert desk.workers.report("stop_0")["stop"] is None
    assert desk.workers.report()["stop"]["stop_id"] == f"stop_{ROUNDS_KEPT + 3}"
