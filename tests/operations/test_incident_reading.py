"""Incidents as status, screens and commands read them: what stands, its timeline, runs, whom to call."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.incidents import Trigger
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.incidents.facts import incident_detail, incidents_facts
from peak_console.operations.incidents.reading import IncidentBook, one_incident, only_open, read_incidents
from peak_console.operations.readiness_facts import _incidents
from peak_console.operations.status import status
from peak_console.operations.views.live_source import LiveSource
from peak_console.operations.views.nowhere_source import NowhereSource
from peak_console.operations.views.replay_clock import ReplayClock
from peak_console.operations.views.replay_source import ReplaySource, open_span

A, B, T = (
    f"inc_20261122_{hour}0000_{short}"
    for hour, short in (("10", "aaaaaa"), ("11", "bbbbbb"), ("12", "tttttt"))
)


class Desk:
    """A ledger that events are written to, a minute apart."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.clock = ManualClock()
        self.writer = LedgerWriter(ws.ledger, clock=self.clock, projections=[])
        self.number = 0

    def add(self, kind: str, body: dict[str, Any], **header: Any) -> int:
        """Write an event; gives its place."""
        self.number += 1
        self.clock.advance(60)
        (done,) = self.writer.append([(EventDraft(f"ev_{self.number}", kind, body, **header), "node")])
        assert not isinstance(done, Exception), done
        return self.number

    def open(self, incident_id: str, **fields: Any) -> int:
        """Open an incident."""
        body = {"incident_id": incident_id, "trigger": "budget_runaway", "cause": "layer:L2", **fields}
        return self.add("incident.opened", {"scope": "layer:L2", "summary": "12x", **body})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A workspace whose ledger holds its beginning."""
    ws = Workspace(tmp_path / "w")
    (ws.root / "configs").mkdir(parents=True)
    ws.audits.mkdir()
    desk = Desk(ws)
    desk.add("workspace.initialised", {"simulated": True})
    yield desk
    desk.writer.close()


def test_open_ones_come_first_and_the_bar_has_them_alone(desk: Desk) -> None:
    """Lists hold all, status and bar what stands, readiness what is real; an absent contact is told."""
    assert _open(desk) is None
    desk.open(A)
    desk.open(B, trigger="lapse", cause="node")
    desk.open(T, trigger="test")
    assert _open(desk) == 2
    desk.add("incident.closed", {"incident_id": A, "operator": "anna", "note": "over"})
    facts = incidents_facts(desk.ws, desk.clock)
    assert [one.incident_id for one in facts.incidents] == [T, B, A]
    assert [one.incident_id for one in facts.open] == [T, B]
    assert "contacts" in facts.contacts_problem
    shown = status(desk.ws, clock=desk.clock, environ={})
    assert [one.incident_id for one in shown.incidents] == [B, T]
    assert [one["incident_id"] for one in shown.as_json()["incidents"]] == [B, T]
    assert shown.incidents[0].next_action.startswith("find out why the node ended")
    assert _open(desk) == 1


def _open(desk: Desk) -> int | None:
    with LedgerReader(desk.ws.ledger) as reader:
        return _incidents(reader)["open_incidents"]


def test_contacts_are_told_whatever_else_is_broken(desk: Desk) -> None:
    """A fault in another key of console.toml, or in another config, hides nobody."""
    told = 'theme = "no-such"\n[[contacts]]\nname = "Mara"\nreach = "+49 30 1"\n'
    (desk.ws.root / "configs/console.toml").write_text(told, encoding="utf-8")
    facts = incidents_facts(desk.ws, desk.clock)
    assert [(one.name, one.reach) for one in facts.contacts] == [("Mara", "+49 30 1")]
    (desk.ws.root / "configs/console.toml").write_text("contacts = [", encoding="utf-8")
    assert "console.toml" in incidents_facts(desk.ws, desk.clock).contacts_problem


def test_a_detail_tells_what_happened_since_the_trigger(desk: Desk) -> None:
    """Events of control, config and the incident in words; others' notes are left out."""
    desk.add("run.started", {"purpose": "x"}, run_id="long_over")
    desk.add("run.finished", {"outcome": "ok"}, run_id="long_over")
    desk.add("run.started", {"purpose": "x"}, run_id="crashed")
    desk.clock.advance(3600)
    desk.add("run.started", {"purpose": "x"}, run_id="alive")
    desk.open(B)
    desk.clock.advance(60)
    desk.add("policy.denied", {"rule": "provider", "subject": "x", "where": "request"})
    desk.clock.advance(-30)
    seq = desk.open(A)
    desk.add("control.stopped", {"scope": "layer:L2", "reason": "budget\x1b[31m", "operator": "anna"})
    desk.add("breaker.tripped", {"reason": "bill"}, provider="openai", model_id="gpt-5")
    desk.add("incident.noted", {"incident_id": B, "note": "another's"})
    desk.add("incident.action_taken", {"incident_id": A, "action": "told", "hook": "pager", "ok": False})
    desk.add("run.started", {"purpose": "x"}, run_id="later")
    found = incident_detail(desk.ws, "aaaaaa", desk.clock)
    assert found.line is not None
    assert [(one.what, one.tone) for one in found.timeline] == [
        ("policy denied provider", "bad"),
        ("incident: budget_runaway", "bad"),
        ("layer:L2 stopped", "bad"),
        ("breaker tripped", "bad"),
        ("told failed", "bad"),
    ]
    assert found.timeline[1].seq == seq
    assert "\x1b" not in found.timeline[2].detail
    assert found.timeline[2].actor == "node (says: anna)"
    assert found.affected == ("layer:L2",)
    assert found.runs == ("later", "alive")
    assert found.card.startswith("# Budget runs away")


def test_what_was_recorded_late_stands_where_it_happened(desk: Desk) -> None:
    """With how much later it was recorded; a time to come, or none, changes nothing."""
    desk.open(A)
    at = iso(desk.clock.now() + timedelta(seconds=8))
    desk.add(
        "control.disarmed", {"reason": "first on record", "at": iso(desk.clock.now() + timedelta(days=1))}
    )
    desk.add("control.stopped", {"reason": "no node", "at": at})
    desk.add("control.reduced", {"reason": "x", "at": "soon"})
    told = incident_detail(desk.ws, A, desk.clock).timeline
    assert [one.what for one in told[1:]] == ["everything stopped", "disarmed", "reduce only"]
    assert iso(told[1].at) == at
    assert told[1].detail == "recorded 112 s later · no node"


def test_the_only_open_one_needs_no_name(desk: Desk) -> None:
    """Tests are none; where several or none are open, one is to be named."""
    desk.open(T, trigger="test")
    with LedgerReader(desk.ws.ledger) as reader:
        with pytest.raises(UsageWrong, match="0 incidents"):
            only_open(read_incidents(reader))
        desk.open(A)
        assert only_open(read_incidents(reader)).incident_id == A
        desk.open(B)
        with pytest.raises(UsageWrong) as refused:
            only_open(read_incidents(reader))
    assert refused.value.code == "incident_missing"
    assert A in str(refused.value.remedy)


def test_what_came_after_the_close_is_not_told(desk: Desk) -> None:
    """A timeline ends some minutes after its incident."""
    desk.open(A)
    desk.add("incident.closed", {"incident_id": A, "operator": "anna", "note": "over"})
    desk.add("control.disarmed", {"reason": "soon after"})
    desk.clock.advance(3600)
    desk.add("control.stopped", {"reason": "another matter"})
    found = incident_detail(desk.ws, A, desk.clock)
    assert [one.what for one in found.timeline] == ["incident: budget_runaway", "closed", "disarmed"]


def test_a_book_goes_on_and_begins_anew_with_another_ledger(desk: Desk) -> None:
    """What it knows is what reading at once gives, event by event; a generation forgets."""
    book = IncidentBook()
    with LedgerReader(desk.ws.ledger) as reader:
        assert dict(book.read(reader)) == {}
        desk.open(A)
        assert list(book.read(reader)) == [A]
        for _ in range(3):
            desk.add("incident.noted", {"incident_id": A, "note": "n", "operator": "anna"})
            desk.add("run.started", {"purpose": "x"})
        assert dict(book.read(reader)) == dict(read_incidents(reader))
        assert len(book.read(reader)[A].notes) == 3
        assert dict(book.read(reader, 2)) == dict(read_incidents(reader))


def test_a_name_that_means_none_or_several_is_refused(desk: Desk) -> None:
    """Each with its code and what to do."""
    with LedgerReader(desk.ws.ledger) as reader:
        for text, code in ((A, "no_incident"),):
            assert _code(read_incidents(reader), text) == code
        desk.open(A)
        desk.open(B)
        known = read_incidents(reader)
    assert _code(known, "inc_2026") == "incident_ambiguous"
    assert _code(known, "nonsense") == "incident_unknown"
    assert one_incident(known, "bbbbbb").incident_id == B


def _code(known: Any, text: str) -> str:
    with pytest.raises(UsageWrong) as refused:
        one_incident(known, text)
    assert refused.value.remedy
    return refused.value.code


def test_every_source_answers(desk: Desk) -> None:
    """Live and its past tell their own moment; nowhere says why.

    A ledger that went away is told with what was last known.
    """
    desk.open(A)
    then = desk.clock.now()
    desk.add("incident.closed", {"incident_id": A, "operator": "anna", "note": "over"})
    live = LiveSource(desk.ws, clock=desk.clock)
    assert [one.is_open for one in live.incidents().incidents] == [False]
    assert live.incident(A).line is not None
    assert live.incident("nothing").line is None
    assert live.incident("nothing").freshness.why
    span = open_span(desk.ws, iso(then - timedelta(seconds=30)), iso(desk.clock.now()))
    clock = ReplayClock(span)
    past = ReplaySource(desk.ws, clock, environ={})
    clock.seek(then)
    bar = past.bar()
    assert [one.incident_id for one in bar.incidents] == [A]
    assert [one.is_open for one in past.incidents().incidents] == [True]
    assert [one.what for one in past.incident(A).timeline] == ["incident: budget_runaway"]
    past.close()
    nowhere = NowhereSource("no workspace", desk.clock)
    assert nowhere.incidents().freshness.why == nowhere.incident(A).freshness.why == "no workspace"
    desk.ws.ledger.rename(desk.ws.ledger.with_name("away"))
    desk.ws.ledger.mkdir()
    without = live.incidents()
    assert [one.incident_id for one in without.incidents] == [A]
    assert without.freshness.why
    assert live.incident(A).freshness.why
    live.close()


def test_every_trigger_has_a_card_and_a_next_step(desk: Desk) -> None:
    """An incident of any trigger is shown with both."""
    for number, trigger in enumerate(Trigger):
        desk.open(f"inc_20261122_10000{number % 10}_{number:06}", trigger=trigger.value)
    for line in incidents_facts(desk.ws, desk.clock).incidents:
        assert line.next_action
        assert incident_detail(desk.ws, line.incident_id, desk.clock).card.startswith("# ")
