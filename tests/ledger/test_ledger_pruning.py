"""Retention in the ledger: what may be dropped, that it goes, that it goes on, and that the chain holds."""

import re
import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from ledger_desk import Desk
from ledger_events import accepted, completed, event_id, failed, note, requested

from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.folds.rollups import rebuild
from peak_console.ledger.keeping.pruning import PRUNABLE, Pruning, RangeDigest
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter

DAYS = 40
LEAST = 32


def old_calls(desk: Desk, count: int = 30) -> None:
    """Calls of 40 days ago, one of them still open, one at its bound; then a call of today."""
    for number in range(count):
        desk.write(requested(f"c{number}"), completed(f"c{number}"))
    desk.write(requested("open"), accepted("open", expires="2027-03-01T00:00:00.000000Z"))
    desk.write(requested("bound"), failed("bound", cost=100, basis="worst_case"))
    desk.write(note("old"))
    desk.clock.advance(DAYS * 86_400)
    desk.write(requested("new"), completed("new"))


class Pruner:
    """The desk's ledger, opened by a writer that prunes."""

    def __init__(self, desk: Desk) -> None:
        desk.writer.close()
        self.desk = desk
        self.pruning = Pruning(lambda: LEAST, clock=desk.clock)
        self.reopen()

    def reopen(self) -> None:
        """As a node that starts."""
        self.desk.open()
        self.desk.writer.close()
        self.writer = LedgerWriter(
            self.desk.path,
            clock=self.desk.clock,
            projections=(self.desk.rollups, self.desk.breakers, self.desk.reservations, self.pruning),
            conditions=(self.pruning.out_of_place,),
        )
        self.desk.writer = self.writer

    def draft(self, **changes: Any) -> EventDraft:
        """A ``ledger.pruned`` over what is older than the least."""
        before = iso(self.desk.clock.now() - timedelta(days=LEAST))
        with self.desk.reader() as reader:
            upto, digest = reader.last_before(before), RangeDigest()
            for rows in reader.prunable(before):
                for seq, _, body_sha256, _, _ in rows:
                    digest.add(seq, body_sha256)
        body = {
            "before": before,
            "upto_seq": upto,
            "kinds": list(PRUNABLE),
            "events": digest.events,
            "digest": digest.hexdigest(),
            "reason": "test",
            "operator": "anna",
            **changes,
        }
        return EventDraft(event_id(), EventKind.LEDGER_PRUNED.value, body)

    def append(self, draft: EventDraft) -> Any:
        """What came of it."""
        return self.writer.append([(draft, "anna")])[0]

    def work(self) -> int:
        """Carry everything out; gives the steps it took."""
        steps = 0
        while self.pruning.pending:
            self.writer.maintain(self.pruning.step)
            self.pruning.stepped(1.0, 0.01)
            steps += 1
        return steps

    def missing(self) -> list[int]:
        """Places whose bodies are gone."""
        with self.desk.reader() as reader:
            return [event.seq for event in reader.read(limit=10_000) if event.body is None]


@pytest.fixture
def pruner(desk: Desk) -> Pruner:
    """An old ledger that may be pruned."""
    old_calls(desk)
    return Pruner(desk)


def test_old_details_go_and_the_chain_holds(pruner: Pruner) -> None:
    """Only bodies of the range's kinds and time go; open calls and those at their bound stay whole."""
    head = pruner.append(pruner.draft()).seq
    pruner.work()
    with pruner.desk.reader() as reader:
        events = {event.seq: event for event in reader.read(limit=10_000)}
        (known,) = reader.pruned_ranges()
    gone = pruner.missing()
    assert {events[seq].call_id for seq in gone} == {f"c{number}" for number in range(30)}
    assert len(gone) == 60
    assert known.done
    assert known.seq == head
    assert all(known.covers(seq, events[seq].ts, events[seq].kind) for seq in gone)
    pruner.writer.close()
    assert verify(pruner.desk.path).ok


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"before": "2031-01-01T00:00:00.000000Z"}, "retention_too_young"),
        ({"upto_seq": 68}, "retention_range"),
        ({"upto_seq": 9999}, "retention_range"),
        ({"upto_seq": 0}, "event_malformed"),
        ({"kinds": ["control.stopped"]}, "event_malformed"),
        ({"kinds": ["llm.call.failed", "llm.call.completed"]}, "event_malformed"),
        ({"kinds": []}, "event_malformed"),
        ({"before": "yesterday"}, "event_malformed"),
        ({"before": "2026-01-01"}, "event_malformed"),
        ({"digest": "x"}, "event_malformed"),
        ({"events": -1}, "event_malformed"),
        ({"reason": " "}, "event_malformed"),
        ({"operator": 7}, "event_malformed"),
    ],
)
def test_a_range_that_may_not_be_is_refused(pruner: Pruner, changes: dict[str, Any], code: str) -> None:
    """Too young, beyond its time, of other kinds, without its words: nothing is written."""
    before = pruner.writer.head
    refused = pruner.append(pruner.draft(**changes))
    assert isinstance(refused, PeakError)
    assert refused.code == code
    assert pruner.writer.head == before
    assert not pruner.pruning.pending


def test_it_goes_on_after_a_restart(pruner: Pruner) -> None:
    """A range half carried out is found again, and ends."""
    pruner.pruning._step = 16
    pruner.append(pruner.draft())
    pruner.writer.maintain(pruner.pruning.step)
    first = pruner.missing()
    pruner.reopen()
    assert pruner.pruning.pending
    pruner.work()
    assert 0 < len(first) < len(pruner.missing()) == 60


def test_a_failing_step_takes_nothing_along(pruner: Pruner) -> None:
    """What a step did is forgotten where its transaction fails; appends and later steps go on."""
    pruner.append(pruner.draft())

    def half(db: sqlite3.Connection) -> None:
        pruner.pruning.step(db)
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(PeakError):
        pruner.writer.maintain(half)
    assert not pruner.missing()
    assert pruner.append(note("after")).seq
    pruner.work()
    assert len(pruner.missing()) == 60


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM body WHERE seq = (SELECT seq FROM ledger WHERE kind = 'run.started')",
        "DELETE FROM body WHERE seq = (SELECT max(seq) FROM ledger WHERE kind = 'llm.call.completed')",
        "DELETE FROM body WHERE seq = 1",
        "UPDATE pruned_range SET upto_seq = 9999",
        "UPDATE pruned_range SET before = '9'",
        "UPDATE pruned_range SET done_seq = 0",
        "DELETE FROM pruned_range",
        "INSERT INTO pruned_range VALUES (2, '9', 1, '[\"llm.call.completed\"]', 0)",
        "INSERT INTO pruned_range SELECT seq + 1, before, upto_seq, kinds, 0 FROM pruned_range",
        "INSERT INTO body SELECT seq, x'7b7d' FROM ledger WHERE seq = 2",
    ],
)
def test_the_file_itself_refuses_more(pruner: Pruner, statement: str) -> None:
    """No body outside the range goes, no range changes or comes without its event, no body comes back."""
    pruner.append(pruner.draft())
    pruner.work()
    with sqlite3.connect(pruner.desk.path) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    db.close()


def test_before_the_event_nothing_can_go(pruner: Pruner) -> None:
    """The same deletion is refused while no ``ledger.pruned`` covers it."""
    with sqlite3.connect(pruner.desk.path) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute("DELETE FROM body WHERE seq = 2")
    db.close()


def test_readers_stand_what_is_gone(pruner: Pruner) -> None:
    """Pruned events are found by their headers, and by no condition on their bodies."""
    pruner.append(pruner.draft())
    pruner.work()
    with pruner.desk.reader() as reader:
        ended = reader.find(EventFilter(kinds=("llm.call.completed",)), None, 100).events
        assert len(ended) == 31
        cheap = EventFilter(kinds=("llm.call.completed",), max_latency_us=10**9)
        assert [event.call_id for event in reader.find(cheap, None, 100).events] == ["new"]
        assert cheap.asks_bodies
        assert reader.by_call("c1")[0].body is None
        assert sum(row.calls for row in reader.totals()) == 32
        assert {row.place.call_id for row in reader.booked_at_bound()} == {"bound"}


def test_figures_are_not_made_anew_from_less(pruner: Pruner) -> None:
    """Without the bodies figures would shrink, so making them again is refused."""
    pruner.append(pruner.draft())
    pruner.work()
    with pytest.raises(ControlRefused) as caught:
        pruner.writer.maintain(rebuild)
    assert caught.value.code == "figures_pruned"


def test_a_repeated_request_whose_refusal_was_pruned_is_refused_again(desk: Desk) -> None:
    """The answer says that its reason is gone; nothing breaks."""
    desk.guards = ()
    desk.limits = type(desk.limits)((), desk.limits.warn_pct, desk.limits.timezone, "none")
    asked = requested("c1")
    (first,) = desk.write(asked)
    assert first.refusal
    desk.clock.advance(DAYS * 86_400)
    desk.write(note("now"))
    pruner = Pruner(desk)
    pruner.append(pruner.draft())
    pruner.work()
    again = pruner.append(asked)
    assert again.seq == first.seq
    assert again.refusal.code == "refusal_pruned"


def test_digests_follow_from_headers_alone(pruner: Pruner) -> None:
    """The range's digest is the same before and after its bodies went."""
    draft = pruner.draft()
    pruner.append(draft)
    pruner.work()
    again = pruner.draft()
    assert (again.body["digest"], again.body["events"]) == (draft.body["digest"], draft.body["events"])


def test_steps_shrink_until_they_are_short() -> None:
    """A step that took too long is halved, a quick one doubled, within bounds."""
    pruning = Pruning(lambda: LEAST, clock=ManualClock())
    for _ in range(20):
        pruning.stepped(0.02, 0.01)
    assert pruning._step == 64
    for _ in range(20):
        pruning.stepped(0.001, 0.01)
    assert pruning._step == 4096


def test_the_file_and_the_program_name_the_same_kinds(desk: Desk) -> None:
    """The trigger's kinds were written down when the schema was; the program may not drift from them."""
    with sqlite3.connect(desk.path) as db:
        (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'body_no_delete'").fetchone()
    db.close()
    assert set(re.findall(r"'(llm\.[a-z.]+)'", text)) == set(PRUNABLE)
