"""The first events of a new ledger: of a new workspace, or of one that goes on after a broken ledger."""

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from peak_console import __name__ as package
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Phase

MADE_BY_NODE = "node"
MADE_BY_RECOVERY = "recover"


@dataclass(frozen=True, slots=True)
class Genesis:
    """How a new workspace begins. A ledger that exists already has begun: then nothing of this is used."""

    made_by: str = MADE_BY_NODE
    simulated: bool = False
    operator: str | None = None
    public_key: str | None = None


def named_key(public: bytes | None) -> dict[str, str]:
    """How a genesis names the key that signs its heads: SHA-256 of its 32 public bytes; nothing without."""
    return {} if public is None else {"key": hashlib.sha256(public).hexdigest()}


def version() -> str:
    """The installed version of this program."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms that only a start needs

    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "unknown"


def genesis_drafts(genesis: Genesis, key: bytes | None = None) -> list[EventDraft]:
    """The events a new ledger begins with; ``key`` is the workspace's public key."""
    begun = EventDraft(
        event_id=new_event_id(secrets.token_bytes),
        kind=EventKind.WORKSPACE_INITIALISED.value,
        body={
            "simulated": genesis.simulated,
            "version": version(),
            "sqlite_version": sqlite3.sqlite_version,
            "made_by": genesis.made_by,
            **named_key(key),
        },
    )
    if genesis.operator is None:
        return [begun]
    enrolled = EventDraft(
        event_id=new_event_id(secrets.token_bytes),
        kind=EventKind.OPERATOR_ENROLLED.value,
        body={"operator": genesis.operator, "public_key": genesis.public_key, "by": genesis.made_by},
    )
    return [begun, enrolled]


@dataclass(frozen=True, slots=True)
class Successor:
    """What a new ledger says of the one that it follows, and takes over from it."""

    operator: str
    """Who decided it, and signed for it."""
    reason: str
    recovered: Mapping[str, Any]
    """The old head, how far it is proven, what broke, where it is kept."""
    simulated: bool
    operators: Mapping[str, str]
    """Public keys of those that are enrolled again, by name."""
    phase: Phase
    latched: Sequence[Mapping[str, Any]]
    """Bodies of the trips of budget breakers that only an operator may reset."""
    key: bytes | None = None
    """The workspace's public key."""


def successor_genesis(successor: Successor) -> EventDraft:
    """The genesis of a ledger that follows a broken one: what its operator signs."""
    return _own(
        EventKind.WORKSPACE_INITIALISED,
        {
            "simulated": successor.simulated,
            "version": version(),
            "sqlite_version": sqlite3.sqlite_version,
            "made_by": MADE_BY_RECOVERY,
            **named_key(successor.key),
            "recovered": dict(successor.recovered),
            "reason": successor.reason,
            "operator": successor.operator,
        },
    )


def successor_drafts(successor: Successor) -> list[EventDraft]:
    """What follows that genesis: operators, phase and latched breakers as they stood."""
    drafts = [
        _own(EventKind.OPERATOR_ENROLLED, {"operator": name, "public_key": key, "by": MADE_BY_RECOVERY})
        for name, key in sorted(successor.operators.items())
    ]
    if successor.phase is not Phase.BOOTSTRAP:
        change = {"from": Phase.BOOTSTRAP.value, "to": successor.phase.value}
        kept = {"reason": "kept over a recovery", "operator": successor.operator}
        drafts.append(_own(EventKind.PHASE_CHANGED, {**change, **kept}))
    for body in successor.latched:
        provider, model_id = str(body["provider"]), str(body["model_id"])
        draft = _own(EventKind.BREAKER_TRIPPED, dict(body))
        drafts.append(replace(draft, provider=provider, model_id=model_id))
    return drafts


def _own(kind: EventKind, body: dict[str, Any]) -> EventDraft:
    return EventDraft(event_id=new_event_id(secrets.token_bytes), kind=kind.value, body=body)
