"""What an operator sees and does: an alert on the screen, the one-minute actions, orders cancelled."""

import hashlib
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from control_figures import Figure, spread
from control_place import Place

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "tui"))

from terminal_screen import Terminal  # noqa: E402 - the path comes first

from peak_console.control.venues import CancelReport, cancel_all  # noqa: E402
from peak_console.domain.events import EventDraft, EventKind  # noqa: E402
from peak_console.ledger.reader import LedgerReader  # noqa: E402
from peak_console.node.spawn import connect_node  # noqa: E402
from peak_console.operations.containing import ALL, contain  # noqa: E402

ALERT_S, CONTAIN_S, CAPTURE_S = 1.0, 5.0, 10.0


class FakeVenue:
    """A venue that takes two milliseconds an order."""

    by_hand = "call the desk"

    def __init__(self, name: str, orders: int) -> None:
        self.name = name
        self.orders = [f"{name}-{number}" for number in range(orders)]

    def cancel_all(self, _: float) -> CancelReport:
        """Cancel one order after the other."""
        count = len(self.orders)
        while self.orders:
            time.sleep(0.002)
            self.orders.pop()
        return CancelReport(count)


def cancelling() -> Iterator[Figure]:
    """Cancelling of all orders at four venues of a hundred each; one that hangs keeps nobody waiting.

    Baseline: one venue after the other.
    """
    venues = [FakeVenue(f"venue{number}", 100) for number in range(4)]
    began = time.monotonic()
    for venue in [FakeVenue("one", 100) for _ in venues]:
        venue.cancel_all(5.0)
    plain = time.monotonic() - began
    began = time.monotonic()
    step = cancel_all(venues)
    took = time.monotonic() - began
    left = sum(len(venue.orders) for venue in venues)
    value = f"{took * 1000:.0f} ms, {sum(one.cancelled for one in step.venues)} cancelled, {left} left"
    against = f"one venue after the other: {plain * 1000:.0f} ms"
    yield Figure(
        "cancel_all, 4 fake venues, 400 orders", value, "<= 5 s", against, step.ok and not left and took <= 5
    )


def alerts(place: Place, rounds: int) -> Iterator[Figure]:
    """From a violation's append to the incident on a console in a terminal; its layer is stopped by itself.

    Baseline: the incident's event on the ledger, as a reader of its own sees it.
    """
    on_screen, on_ledger = [], []
    command = [sys.executable, "-c", "from peak_console.cli.entry import main; main()", "console"]
    with Terminal([*command, "--root", str(place.ws.root)], columns=160, rows=50) as terminal:
        terminal.wait("DISARMED", 60)
        terminal.read(3.0)
        for number in range(rounds):
            model = f"forbidden-{time.monotonic_ns()}"
            where = {"provider": "openai", "model_id": model, "layer": f"L{number % 7}"}
            body = {"rule": "forbidden_model", "where": model, "model_id": model}
            began = time.monotonic()
            with connect_node(place.ws, name="benchmark") as client:
                draft = EventDraft(f"ev_{model.replace('-', '_')}", EventKind.POLICY_DENIED, body, **where)
                seq = client.append([draft])[0].seq
            on_ledger.append(_opened_after(place, seq) - began)
            terminal.wait(model[-12:], 20)
            on_screen.append(time.monotonic() - began)
            terminal.read(1.0)
    against = f"on the ledger: {spread(on_ledger, 's')}"
    yield Figure(
        "alert: cause to screen",
        spread(on_screen, "s"),
        f"<= {ALERT_S:g} s",
        against,
        max(on_screen) <= ALERT_S,
    )


def _opened_after(place: Place, seq: int) -> float:
    """When the incident that follows an event was seen on the ledger."""
    until = time.monotonic() + 20
    with LedgerReader(place.ws.ledger) as reader:
        while time.monotonic() < until:
            found = reader.last(EventKind.INCIDENT_OPENED)
            if found is not None and found.seq > seq:
                return time.monotonic()
            time.sleep(0.005)
    raise TimeoutError("no incident was opened")


def one_minute(place: Place, rounds: int) -> Iterator[Figure]:
    """Disarm, stop and capture in one go, under traffic; enabled again after each.

    Baseline of the capture: reading the ledger's last quarter of an hour and hashing it, no more.
    """
    acted, captured, plain, sizes = [], [], [], []
    for _ in range(rounds):
        place.enable()
        time.sleep(3.0)
        done = contain(place.ws, reason="benchmark")
        steps = {one.name: one for one in done.steps}
        assert all(steps[name].ok for name in ALL), done
        acted.append(max(one.at_ms for name, one in steps.items() if name in {"disarm", "stop"}) / 1000)
        captured.append(steps["capture"].ms / 1000)
        sizes.append(steps["capture"].detail)
        plain.append(_plain_slice(place))
    place.enable()
    yield Figure(
        "disarm and stop, shown as done",
        spread(acted, "s"),
        f"<= {CONTAIN_S:g} s",
        met=max(acted) <= CONTAIN_S,
    )
    yield Figure(
        "capture, sealed",
        spread(captured, "s"),
        f"<= {CAPTURE_S:g} s",
        f"the slice read and hashed: {spread(plain, 's')}",
        max(captured) <= CAPTURE_S,
    )
    yield Figure("the capture", sizes[-1].partition(", in ")[0])


def _plain_slice(place: Place) -> float:
    """Seconds to read and hash the events of the last 15 minutes with sqlite3 alone."""
    since = (datetime.now(UTC) - timedelta(minutes=15)).isoformat()
    began = time.monotonic()
    db = sqlite3.connect(f"file:{place.ws.ledger}?mode=ro", uri=True)
    digest = hashlib.sha256()
    query = "SELECT b.bytes FROM ledger l JOIN body b ON b.seq = l.seq WHERE l.seq > ? AND l.ts >= ?"
    (head,) = db.execute("SELECT max(seq) FROM ledger").fetchone()
    for (data,) in db.execute(query, (head - 200_000, since)):
        digest.update(data)
    db.close()
    return time.monotonic() - began
