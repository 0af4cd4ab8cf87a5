"""The first events of a new ledger: the genesis, and the first operator where ``peak init`` names one."""

import secrets
import sqlite3
from dataclasses import dataclass

from peak_console import __name__ as package
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id

MADE_BY_NODE = "node"


@dataclass(frozen=True, slots=True)
class Genesis:
    """How a new workspace begins. A ledger that exists already has begun: then nothing of this is used."""

    made_by: str = MADE_BY_NODE
    simulated: bool = False
    operator: str | None = None
    public_key: str | None = None


def version() -> str:
    """The installed version of this program."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms that only a start needs

    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "unknown"


def genesis_drafts(genesis: Genesis) -> list[EventDraft]:
    """The events a new ledger begins with."""
    begun = EventDraft(
        event_id=new_event_id(secrets.token_bytes),
        kind=EventKind.WORKSPACE_INITIALISED.value,
        body={
            "simulated": genesis.simulated,
            "version": version(),
            "sqlite_version": sqlite3.sqlite_version,
            "made_by": genesis.made_by,
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
