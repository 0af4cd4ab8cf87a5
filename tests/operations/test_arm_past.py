"""What happened to arming, read from the ledger: its lines, and what stood at a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from peak_console.domain.arming import ArmState
from peak_console.domain.clock import iso
from peak_console.domain.events import LedgerEvent
from peak_console.operations.shapes import SHAPES
from peak_console.operations.views.arm_past import ARM_KINDS, facts_at, past_of

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def event(seq: int, kind: str, at_s: int, **body: Any) -> LedgerEvent:
    """An event of arming so many seconds after the start."""
    ts = iso(START + timedelta(seconds=at_s))
    return LedgerEvent(seq, f"ev{seq}", ts, 0, f"control.arm.{kind}", "node", "", "", "", body=body)


def granted(seq: int, lease_id: str, at_s: int, ttl_s: int = 60, **more: Any) -> LedgerEvent:
    """A grant."""
    begun = START + timedelta(seconds=at_s)
    times = {"granted_at": iso(begun), "expires_at": iso(begun + timedelta(seconds=ttl_s))}
    told = {"lease_id": lease_id, "scope": "venue:paper", "operator": "anna", "run_id": "r", "drill": False}
    return event(seq, "granted", at_s, **{**told, **times, **more})


def at(seconds: float) -> datetime:
    """A moment."""
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("newest_first", "moment_s", "lease_id"),
    [
        ([], 0, None),
        ([granted(1, "a", 0)], 10, "a"),
        ([granted(1, "a", 0)], 60, None),
        ([event(2, "ended", 5, lease_id="a", why="disarmed"), granted(1, "a", 0)], 10, None),
        ([event(2, "expired", 60, lease_id="a", why="ttl"), granted(1, "a", 0)], 61, None),
        ([event(2, "ended", 5, lease_id="other", why="disarmed"), granted(1, "a", 0)], 10, "a"),
        ([granted(3, "b", 20), event(2, "ended", 5, lease_id="a"), granted(1, "a", 0)], 30, "b"),
        ([event(3, "refused", 6, why="token_wrong"), granted(1, "a", 0)], 10, "a"),
        ([granted(1, "a", 0, expires_at="soon")], 10, None),
    ],
)
def test_what_stood_at_a_moment(
    newest_first: list[LedgerEvent], moment_s: float, lease_id: str | None
) -> None:
    """Armed by a grant that had neither ended nor run out; one that cannot be read armed nothing."""
    facts = facts_at(newest_first, at(moment_s))
    assert (facts.lease.lease_id if facts.lease else None) == lease_id
    assert facts.state is (ArmState.ARMED if lease_id else ArmState.IDLE)
    assert [one.seq for one in facts.past] == [one.seq for one in newest_first]
    SHAPES["arm-status"].model_validate(facts.as_json())


def test_a_line_says_what_why_and_who() -> None:
    """Foreign text becomes one harmless line; a pruned body leaves the kind and the actor."""
    hostile = event(1, "requested", 0, operator="anna", reason="a\x1b[31m\nb")
    pruned = LedgerEvent(2, "ev2", iso(START), 0, "control.arm.ended", "node", "", "", "")
    first, second = past_of([hostile, pruned])
    assert (first.what, first.actor) == ("requested", "anna")
    assert "\x1b" not in first.why
    assert "\n" not in first.why
    assert (second.what, second.why, second.actor) == ("ended", "", "node")
    assert all(kind.startswith("control.arm.") for kind in ARM_KINDS)
