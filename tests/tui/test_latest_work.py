"""Work of which only the newest counts: in order, replaced while it waits, done before it ends."""

import threading
from typing import Any

from textual.message import Message

from peak_console.domain.errors import UsageWrong
from peak_console.tui.latest import LatestWork, Worked

LONG_S = 3600.0
"""A pause that no test lives to the end of."""


class Box:
    """Takes messages as a screen does."""

    def __init__(self) -> None:
        self.got: list[Worked] = []

    def post_message(self, message: Message) -> bool:
        """Keep it."""
        assert isinstance(message, Worked)
        self.got.append(message)
        return True

    @property
    def results(self) -> list[Any]:
        """What came back, in order."""
        return [one.result for one in self.got]


def test_the_newest_of_a_key_takes_the_others_place() -> None:
    """Of what waits under one key only the last is done; another key's work is not touched."""
    box = Box()
    work = LatestWork(box, "test")
    for number in range(5):
        work.submit("check matrix", lambda number=number: number, LONG_S)
    work.submit("check prices", lambda: "prices", LONG_S)
    assert work.busy
    assert work.flush()
    assert sorted(map(str, box.results)) == ["4", "prices"]
    work.close()


def test_results_come_in_the_order_they_were_begun() -> None:
    """An older result never comes after a newer one, however long the older took."""
    box, gate = Box(), threading.Event()
    work = LatestWork(box, "test")
    work.submit("check", lambda: (gate.wait(60), "old")[1])
    while not work._doing:
        pass
    work.submit("check", lambda: "new")
    gate.set()
    assert work.flush()
    assert box.results == ["old", "new"]
    work.close()


def test_what_fails_is_told_in_words_and_ends_nothing() -> None:
    """An error comes back as its message and remedy; the next piece is done."""
    box = Box()
    work = LatestWork(box, "test")

    def fail() -> None:
        raise UsageWrong("it cannot be", remedy="do this")

    work.submit("one", fail)
    work.submit("two", lambda: 2)
    assert work.flush()
    assert box.got[0].problem == "it cannot be; do this"
    assert box.got[1].result == 2
    work.close()


def test_closing_does_what_waits_and_takes_no_more() -> None:
    """A draft that waits for its pause is stored when the console is left."""
    box = Box()
    work = LatestWork(box, "test")
    work.submit("keep", lambda: "kept", LONG_S)
    work.close()
    work.submit("keep", lambda: "late")
    assert box.results == ["kept"]
