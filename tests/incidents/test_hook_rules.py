"""Whom hooks are told of what, how often, and what a place on disk may hold."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from incident_events import ID, START, did, node_did, opened

from peak_console.config.incidents import Hook
from peak_console.control.keys import KeySigner
from peak_console.domain.clock import from_iso, iso
from peak_console.incidents.fold import Incident, fold_incidents
from peak_console.incidents.hook_place import HookPlace, read_place, write_place
from peak_console.incidents.hooks import (
    ESCALATED,
    SILENCE_OVER,
    Telling,
    escalations,
    message,
    needless,
    pause_s,
    signed_headers,
    telling_from,
    tellings_of,
    unsilenced,
)

ALL = Hook.model_validate({"name": "all", "kind": "webhook", "url": "https://example.org/x"})
LAPSES = Hook.model_validate({"name": "lapses", "kind": "command", "command": ["x"], "triggers": ["lapse"]})


def one_of(*events: Any) -> Incident:
    """The incident of these events."""
    return fold_incidents(events)[ID]


def told(one: Incident, kind: str = "incident.opened", late_s: float = 0) -> list[str]:
    """The hooks that are told of an event of this kind."""
    now = START + timedelta(seconds=late_s)
    return [telling.hook for telling in tellings_of([(kind, 1, START)], one, (ALL, LAPSES), now)]


def test_a_hook_is_told_of_its_triggers_openings_hand_overs_and_closes() -> None:
    """Drills are nobody's; a test reaches all, but only its opening; what is an hour old is not told."""
    assert told(one_of(opened())) == ["all"]
    assert told(one_of(opened(trigger="lapse"))) == ["all", "lapses"]
    assert told(one_of(opened()), "incident.noted") == []
    assert told(one_of(opened()), "incident.handed_over") == ["all"]
    assert told(one_of(opened(drill=True))) == []
    assert told(one_of(opened(trigger="test"))) == ["all", "lapses"]
    assert told(one_of(opened(trigger="test")), "incident.closed") == []
    assert told(one_of(opened()), late_s=3600) == []


def test_what_nobody_acknowledged_is_told_once_more() -> None:
    """After a quarter of an hour, not before, not of a test, and not again once that is on record."""
    late = START + timedelta(minutes=15)
    assert escalations([one_of(opened())], (ALL,), late - timedelta(seconds=1)) == []
    assert [one.about for one in escalations([one_of(opened())], (ALL,), late)] == [ESCALATED]
    for quiet in (
        one_of(opened(), did("acknowledged")),
        one_of(opened(trigger="test")),
        one_of(opened(), node_did("told", hook="all", about=ESCALATED, ok=False)),
    ):
        assert escalations([quiet], (ALL,), late) == []
    forged = one_of(opened(), node_did("told", actor="mara", hook="all", about=ESCALATED, ok=True))
    assert [one.about for one in escalations([forged], (ALL,), late)] == [ESCALATED]


def test_an_opening_is_never_told_as_closed_and_a_silence_covers_the_close() -> None:
    """Nor is either told late: what is over needs nobody, and what was silent when it was due stays so."""
    begun = opened()
    hour = did("silenced", until=iso(START + timedelta(hours=1)), at_s=2)
    over, silent = (
        one_of(begun, did("closed", note="x")),
        one_of(begun, hour, did("closed", note="x", at_s=3)),
    )
    opening = Telling("all", "incident.opened", ID, begun.seq, START)
    closing = Telling("all", "incident.closed", ID, over.closed_seq, START)
    assert json.loads(message(opening, over, "desk"))["data"]["state"] == "open"
    assert json.loads(message(closing, over, "desk"))["data"]["state"] == "closed"
    assert "closed" in needless(opening, over, START)
    assert not needless(closing, over, START)
    for late in (START + timedelta(minutes=1), START + timedelta(hours=2)):
        assert "silent" in needless(closing, silent, late)
    standing, end = one_of(begun, hour), START + timedelta(hours=1)
    assert escalations([standing], (ALL,), end) == []
    assert [one.about for one in unsilenced([standing], (ALL,), end)] == [SILENCE_OVER]
    again = one_of(begun, hour, node_did("told", hook="all", about=SILENCE_OVER, ok=True, at_s=3601))
    assert unsilenced([standing], (ALL,), end - timedelta(seconds=1)) == []
    assert unsilenced([again, silent], (ALL,), end + timedelta(minutes=1)) == []


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_are_spread(tries: int, share: float) -> None:
    """Never below a second, never above seven and a half minutes, and never shorter with more tries."""
    assert 1.0 <= pause_s(tries, share) <= 450.0
    assert pause_s(tries + 1, share) >= pause_s(tries, share)


def test_a_message_is_signed_as_standard_webhooks_say() -> None:
    """``v1a``: Ed25519 over id, timestamp and body with points between; each try has the same id and body."""
    key = Ed25519PrivateKey.generate()
    one = one_of(opened(summary="12x\x1b[2J"), did("acknowledged"))
    telling = Telling("all", "incident.opened", ID, one.seq, START)
    body = message(telling, one, "desk")
    assert body == message(telling.again(START + timedelta(hours=1)), one, "desk")
    headers = signed_headers(telling.message_id, body, START, KeySigner(key))
    assert headers["webhook-timestamp"] == str(int(START.timestamp()))
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.public_key().verify(base64.b64decode(signature), signed)
    fields = json.loads(body)
    assert fields["type"] == "incident.opened"
    assert fields["data"]["acknowledged_by"] == "anna"
    assert "\x1b" not in fields["data"]["summary"]


_LOOSE = st.none() | st.integers() | st.text(max_size=30) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(["hook", "about", "incident_id", "seq", "due", "tries"]), _LOOSE))
def test_a_telling_survives_its_file_and_nothing_else_is_one(fields: dict[str, Any]) -> None:
    """What was written is read back; whatever else stands there is none, and raises nothing."""
    one = Telling("all", "incident.opened", ID, 7, START, 2)
    assert telling_from(one.as_json(), from_iso) == one
    found = telling_from(fields, from_iso)
    assert found is None or found.due.tzinfo is not None


def test_a_place_is_read_back_and_a_broken_one_is_none(tmp_path: Path) -> None:
    """Corrupt, missing, of another form: as if there were none; a folder that cannot be written is told."""
    path = tmp_path / "hooks.json"
    place = HookPlace(7, (Telling("all", "incident.opened", ID, 7, START),), ("all",))
    assert read_place(path) is None
    assert write_place(path, place)
    assert read_place(path) == place
    for text in ("", "{", "[]", '{"seq": -1, "due": []}', '{"seq": true, "due": []}', "[" * 100_000):
        path.write_text(text, encoding="utf-8")
        assert read_place(path) is None
    path.write_text('{"seq": 3, "due": [{}, 1]}', encoding="utf-8")
    assert read_place(path) == HookPlace(3)
    assert not write_place(tmp_path / "none" / "hooks.json", place)
