"""What happened to arming, as the ledger tells it. Pure over events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from peak_console.domain.arming import ArmState
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmPast
from peak_console.operations.views.freshness import Freshness

ARM_KINDS: Final = tuple(
    one.value
    for one in (
        EventKind.ARM_REQUESTED,
        EventKind.ARM_APPROVED,
        EventKind.ARM_GRANTED,
        EventKind.ARM_REFUSED,
        EventKind.ARM_EXPIRED,
        EventKind.ARM_ENDED,
    )
)
"""The kinds that tell of arming."""

_ENDS: Final = frozenset({EventKind.ARM_EXPIRED.value, EventKind.ARM_ENDED.value})


def past_of(events: Iterable[LedgerEvent]) -> tuple[ArmPast, ...]:
    """A line for each event, in the order given."""
    return tuple(_past(one) for one in events)


def facts_at(events: Iterable[LedgerEvent], at: datetime) -> ArmFacts:
    """What stood at a moment by these events, newest first: armed by a grant that had no end by then.

    What waited for a token is not shown: it was in the node's memory alone.
    """
    past, ended, lease = [], set[str](), None
    for event in events:
        body = event.body or {}
        past.append(_past(event))
        if event.kind in _ENDS:
            ended.add(str(body.get("lease_id")))
        elif event.kind == EventKind.ARM_GRANTED and lease is None:
            lease = _line(event, at) if str(body.get("lease_id")) not in ended else None
    state = ArmState.ARMED if lease is not None else ArmState.IDLE
    return ArmFacts(at, state=state, lease=lease, past=tuple(past), freshness=Freshness(at))


def _past(event: LedgerEvent) -> ArmPast:
    body = event.body or {}
    why = body.get("why") or body.get("reason") or body.get("purpose") or ""
    return ArmPast(
        at=from_iso(event.ts),
        what=event.kind.rpartition(".")[2],
        why=one_line(str(why)),
        actor=one_line(str(body.get("operator") or body.get("actor") or event.actor)),
        seq=event.seq,
    )


def _line(event: LedgerEvent, at: datetime) -> ArmLine | None:
    """The lease of a grant, while it lasts by its own words; ``None`` for one that cannot be read."""
    body = event.body or {}
    try:
        granted, expires = from_iso(str(body["granted_at"])), from_iso(str(body["expires_at"]))
        left_s = (expires - at).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
    if left_s <= 0:
        return None
    return ArmLine(
        lease_id=one_line(str(body.get("lease_id"))),
        scope=one_line(str(body.get("scope"))),
        run_id=one_line(str(body.get("run_id") or "")),
        actor=one_line(str(body.get("operator"))),
        drill=body.get("drill") is True,
        granted_at=granted,
        expires_at=expires,
        left_s=left_s,
    )
