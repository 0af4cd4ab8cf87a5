"""Events of incidents for tests: as the ledger gives them back, and as a writer takes them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from peak_console.domain.clock import iso
from peak_console.domain.events import LedgerEvent

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ID = "inc_20261122_030000_abc123"

_numbers = itertools.count(1)


def event(kind: str, body: Any = None, *, seq: int = 0, at_s: float = 0.0, **header: Any) -> LedgerEvent:
    """An event of ``kind``, ``at_s`` seconds after the start."""
    number = seq or next(_numbers)
    return LedgerEvent(
        seq=number,
        event_id=header.pop("event_id", f"ev_{number}"),
        ts=header.pop("ts", iso(START + timedelta(seconds=at_s))),
        boot_us=0,
        kind=kind,
        actor=header.pop("actor", "mara"),
        body_sha256="",
        prev_hash="",
        hash="",
        body=body,
        **header,
    )


def opened(incident_id: str = ID, *, at_s: float = 0.0, seq: int = 0, **fields: Any) -> LedgerEvent:
    """The opening of an incident of the budget."""
    body = {
        "incident_id": incident_id,
        "trigger": "budget_runaway",
        "cause": "layer:L2",
        "scope": "layer:L2",
        "summary": "14 times the even rate",
        "auto": "stop_scope",
        "next_action": "look at what the layer calls",
        "figures": {"calls": 40},
        **fields,
    }
    return event("incident.opened", body, at_s=at_s, seq=seq, actor="node")


def did(
    what: str, incident_id: str = ID, *, at_s: float = 1.0, who: str = "anna", **fields: Any
) -> LedgerEvent:
    """``incident.<what>`` by an operator."""
    return event(f"incident.{what}", {"incident_id": incident_id, "operator": who, **fields}, at_s=at_s)


def node_did(action: str, *, actor: str = "node", at_s: float = 1.0, **fields: Any) -> LedgerEvent:
    """``incident.action_taken`` as the node records it."""
    body = {"incident_id": ID, "action": action, **fields}
    return event("incident.action_taken", body, at_s=at_s, actor=actor)


def sealed(incident_id: str = ID, edition: Any = 1) -> LedgerEvent:
    """``evidence.sealed`` of a capture."""
    return event("evidence.sealed", {"incident_id": incident_id, "edition": edition})
