"""What operators do with incidents: proved, refused where it makes no sense, and told in words and JSON."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from node_world import World

from peak_console.cli.program import run
from peak_console.control.sockets import find_socket
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.incidents import Trigger
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node.spawn import temporary_node
from peak_console.operations.incidents import acting
from peak_console.operations.incidents.acting import Hand
from peak_console.operations.incidents.alerting import send_test_alert
from peak_console.operations.incidents.reading import one_incident, read_incidents
from peak_console.operations.operators import enroll
from peak_console.operations.shapes import SHAPES

ID = "inc_20261122_030000_abc123"


@pytest.fixture
def hand(world: World) -> Iterator[Hand]:
    """Anna's hand in a workspace with one incident of hers; ben is enrolled too."""
    with (
        temporary_node(world.ws) as socket,
        BlockingLedgerClient.connect(socket, name="test") as client,
    ):
        enroll(world.ws, client, "ben", by="anna")
        client.append([_opening(ID)])
        yield Hand(world.ws, client, "anna")


def _opening(incident_id: str, trigger: str = "operator") -> EventDraft:
    body = {"incident_id": incident_id, "trigger": trigger, "cause": "anna", "summary": "orders look odd"}
    return EventDraft(f"ev_{incident_id}", EventKind.INCIDENT_OPENED.value, body)


def _code(action: Any, *args: Any, **words: Any) -> str:
    with pytest.raises(PeakError) as refused:
        action(*args, **words)
    assert refused.value.remedy
    return refused.value.code


def test_an_incident_is_taken_handed_over_silenced_and_closed(hand: Hand) -> None:
    """Each step is on record by the name that proved it; each refusal says what to do instead."""
    ben = Hand(hand.ws, hand.client, "ben")
    assert acting.acknowledge(hand, "abc123", note="I see it").seq
    assert acting.acknowledge(hand, ID).seq is None
    assert _code(acting.hand_over, hand, ID, "ben", note=" ") == "note_missing"
    assert _code(acting.hand_over, hand, ID, "anna", note="x") == "handover_to_self"
    assert _code(acting.hand_over, hand, ID, "carl", note="x") == "operator_unknown"
    acting.hand_over(hand, ID, "ben", note="stopped, cause unknown")
    assert acting.acknowledge(ben, ID).what == "accepted"
    assert _code(acting.silence, ben, ID, timedelta(hours=25), reason="x") == "silence_too_long"
    assert _code(acting.silence, ben, ID, timedelta(hours=1), reason="") == "reason_missing"
    acting.silence(ben, ID, timedelta(hours=1), reason="provider told")
    one = _now(hand)
    assert (one.assignee, one.acknowledged_by, one.handing_to) == ("ben", "ben", "")
    assert one.silenced_until is not None
    acting.silence(ben, ID, timedelta(), reason="again")
    assert _now(hand).silenced_until is None
    acting.assign(ben, ID, "anna")
    assert _code(acting.add_note, ben, ID, "  ") == "note_missing"
    assert _code(acting.close, hand, ID, note="") == "note_missing"
    assert acting.close(hand, ID, note="a test order").seq
    assert _code(acting.close, hand, ID, note="again") == "incident_closed"
    assert _code(acting.acknowledge, hand, ID) == "incident_closed"
    assert acting.add_note(ben, ID, "afterwards").seq
    what = [note.what for note in _now(hand).notes]
    assert what == [
        "acknowledged",
        "handed_over",
        "accepted",
        "silenced",
        "silenced",
        "assigned",
        "closed",
        "noted",
    ]


def _now(hand: Hand) -> Any:
    with LedgerReader(hand.ws.ledger) as reader:
        return one_incident(read_incidents(reader), ID)


def test_nothing_is_done_without_an_enrolled_operators_key(hand: Hand) -> None:
    """Another's name, a name that nobody enrolled, and an append without proof: refused; nothing changed."""
    assert _code(acting.acknowledge, Hand(hand.ws, hand.client, "carl"), ID) == "key_unusable"
    for what in ("acknowledged", "assigned", "noted", "handed_over", "silenced", "closed"):
        draft = EventDraft(f"ev_x_{what}", f"incident.{what}", {"incident_id": ID, "operator": "anna"})
        assert _code(hand.client.append, [draft]) == "proof_required"
    with pytest.raises(ControlRefused):
        hand.client.append([_opening("inc_x", trigger="lapse")])
    assert _now(hand).notes == ()


def test_nobody_forges_what_the_node_did_or_told(hand: Hand) -> None:
    """A hook's word, a count, an end of a test: the node's own; a stop is people's, and no agent's."""

    def said(number: str, action: str) -> EventDraft:
        body = {"incident_id": ID, "action": action, "ok": True, "operator": "somebody", "hook": "pager"}
        return EventDraft(f"ev_f_{number}", EventKind.INCIDENT_ACTION_TAKEN.value, body)

    for action in ("told", "not_told", "seen", "test_over", "stop_scope", "quarantine"):
        assert _refused(hand.client, said(action, action)) == "kind_reserved"
    hand.client.append([said("stop", "stop")])
    with BlockingLedgerClient.connect(find_socket(hand.ws.control), name="a", actor="agent:x") as agent:
        assert _refused(agent, said("agent", "stop")) == "kind_reserved"
        sealed = EventDraft("ev_f_seal", "evidence.sealed", {"incident_id": ID, "edition": 1})
        assert _refused(agent, sealed) == "kind_reserved"
        with pytest.raises(ControlRefused, match="test alert"):
            agent.request("incident.test_over", incident_id=ID)
    with pytest.raises(ControlRefused, match="test alert"):
        hand.client.request("incident.test_over", incident_id=ID)
    one = _now(hand)
    assert (one.told, one.is_open) == ((), True)
    assert [(note.what, "(says: somebody)" in note.who) for note in one.notes] == [("stop", True)]


def _refused(client: BlockingLedgerClient, draft: EventDraft) -> str:
    with pytest.raises(PeakError) as refused:
        client.append([draft])
    return refused.value.code


def test_a_cause_that_stands_keeps_an_incident_open(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the operator says that they know; then the event says that it stood."""
    monkeypatch.setattr(acting, "why_standing", lambda *_: "no lease counts now")
    assert _code(acting.close, hand, ID, note="x") == "cause_stands"
    assert _now(hand).is_open
    done = acting.close(hand, ID, note="x", anyway=True)
    assert "no lease counts now" in done.warning
    with LedgerReader(hand.ws.ledger) as reader:
        last = reader.last("incident.closed")
    assert last is not None
    assert (last.body or {})["cause_stood"] == "no lease counts now"


def test_a_lockout_is_not_closed_while_arming_is_locked(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the node says; it is closed once arming is free."""
    lockout = replace(_now(hand), trigger=Trigger.ARM_LOCKOUT)
    monkeypatch.setattr(acting, "_open_one", lambda *_: lockout)
    ask = hand.client.request
    locked = {"locked_until": "2026-11-22T12:10:00.000000Z"}
    with monkeypatch.context() as patch:
        patch.setattr(
            hand.client, "request", lambda op, **more: locked if op == "arm.status" else ask(op, **more)
        )
        assert _code(acting.close, hand, ID, note="x") == "cause_stands"
    assert acting.close(hand, ID, note="x").seq


def test_a_test_alert_without_hooks_says_so_and_closes_itself(hand: Hand) -> None:
    """It is marked as a test and leaves nothing open."""
    done = send_test_alert(hand.ws, hand.client, note="new rota", shown_s=0)
    assert (done.reports, done.closed, done.ok) == ((), True, False)
    with LedgerReader(hand.ws.ledger) as reader:
        one = read_incidents(reader)[done.incident_id]
    assert (one.test, one.is_open, one.counts) == (True, False, False)
    assert one.summary.endswith(": new rota")


@pytest.mark.parametrize("text", ["", "2", "h", "0h", "-1h", "1d", "1.5h", "forever", "2h 3m", "9999999m"])
def test_a_length_of_silence_is_read_strictly(text: str) -> None:
    """Minutes and hours alone."""
    with pytest.raises(UsageWrong) as refused:
        acting.silence_of(text)
    assert refused.value.code == "silence_malformed"
    assert acting.silence_of("90m") == timedelta(minutes=90)


def test_the_command_line_tells_and_refuses(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``now`` works with no node and no key of anybody's; lists and pages are one JSON document each."""

    def peak(*words: str) -> tuple[int, Any]:
        code = run(["--root", str(world.ws.root), "incident", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    def shaped(shape: str, *words: str) -> Any:
        told = peak(*words)[1]
        SHAPES[f"incident-{shape}"].model_validate(told)
        return told

    assert peak("show")[1]["error"]["code"] == "no_incident"
    assert shaped("list", "list") == {"incidents": [], "open": 0}
    assert peak("drill", "arm")[1]["error"]["code"] == "drill_elsewhere"
    assert {one["drill"] for one in shaped("drill-list", "drill", "--list")["drills"]} >= {
        "stop",
        "contain",
        "arm",
    }
    assert peak("test-alert")[0] == 3
    with monkeypatch.context() as patch:
        patch.setenv("PEAK_KEYS_DIR", str(world.ws.root / "no-keys"))
        code, told = peak("now", "--stop", "--disarm", "--reason", "odd orders")
    assert code == 0, told
    assert [one["step"] for one in told["steps"] if one["step"] in {"disarm", "stop", "capture"}] == [
        "disarm",
        "stop",
    ]
    assert told["recorded"] is True
    assert not world.calls()
    SHAPES["incident-now"].model_validate(told)
    shown = shaped("show", "show", told["incident_id"])
    assert [one["what"] for one in shown["timeline"]][-3:] == ["incident: operator", "disarm", "stop"]
    assert shown["card"].startswith("# Opened by an operator")
    assert shaped("list", "list")["open"] == 1
    assert shaped("ack", "ack")["operator"] == "anna"
    assert peak("note", "seen")[1]["incident_id"] == told["incident_id"]
    assert peak("note", "a", "b", "c")[0] == 2
