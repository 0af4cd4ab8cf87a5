"""Operators: who they are, enrolling another, removing one. An enrolled key is a ledger fact and a file."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore, canonical_public, check_name
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator

_OPERATOR_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator as ledger and files show it."""

    name: str
    enrolled: bool
    """On the ledger."""
    file: bool
    """``configs/keys/<name>.pub`` holds the same key as the ledger."""
    mine: bool
    """This user holds the private half."""

    @property
    def usable(self) -> bool:
        """Whether this user can act as this operator."""
        return self.enrolled and self.file and self.mine

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "name": self.name,
            "enrolled": self.enrolled,
            "file": self.file,
            "mine": self.mine,
            "usable": self.usable,
        }


def list_operators(ws: Workspace, environ: Mapping[str, str] | None = None) -> list[Operator]:
    """Every operator that the ledger or a key file names, by name."""
    store = KeyStore(ws.keys, environ)
    enrolled = enrolled_keys(ws)
    mine = _mine(store)
    found = []
    for name in sorted({*enrolled, *store.names()}):
        shown = _public(store, name)
        found.append(
            Operator(
                name=name,
                enrolled=name in enrolled,
                file=shown is not None and shown == enrolled.get(name),
                mine=name in mine,
            )
        )
    return found


def enrolled_keys(ws: Workspace) -> dict[str, str]:
    """Operators and their public keys by the ledger; empty without one."""
    if not ws.ledger.exists():
        return {}
    with LedgerReader(ws.ledger) as reader:
        return keys_by(reader)


def keys_by(reader: LedgerReader) -> dict[str, str]:
    """As :func:`enrolled_keys`, of a ledger that is open."""
    keys: dict[str, str] = {}
    wanted = EventFilter(kinds=(EventKind.OPERATOR_ENROLLED.value, EventKind.OPERATOR_REMOVED.value))
    events = reader.find(wanted, limit=_OPERATOR_EVENTS).events
    for event in reversed(events):
        body = event.body or {}
        if event.kind == EventKind.OPERATOR_ENROLLED:
            keys[str(body.get("operator"))] = str(body.get("public_key"))
        else:
            keys.pop(str(body.get("operator")), None)
    return keys


def enroll(
    ws: Workspace,
    client: BlockingLedgerClient,
    name: str,
    *,
    public_key: str | None = None,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Enroll operator ``name``, proved by an operator that is enrolled; gives the public key.

    With ``public_key`` (an OpenSSH line that the new operator handed over) only that is enrolled; without, a
    key pair is made and its private half kept for this user. Raises as the node refuses; then no new file
    is left.
    """
    environ = os.environ if environ is None else environ
    store = KeyStore(ws.keys, environ)
    check_name(name)
    signer = choose_operator(store, by)
    path = ws.keys / f"{name}.pub"
    before = path.exists()
    if public_key is None:
        public = store.create(name)
    else:
        public = canonical_public(public_key, Path(f"{name}.pub"))
        store.write_public(name, public)
    body = {"operator": name, "public_key": public, "by": signer}
    try:
        append_proved(client, store, signer, _draft(EventKind.OPERATOR_ENROLLED, body))
    except PeakError:
        if not before:
            path.unlink(missing_ok=True)
            if public_key is None:
                store.private_path(name).unlink(missing_ok=True)
        raise
    return public


def remove(
    ws: Workspace,
    client: BlockingLedgerClient,
    name: str,
    *,
    reason: str,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Remove an operator: the ledger first, then the file. Raises as the node refuses."""
    environ = os.environ if environ is None else environ
    store = KeyStore(ws.keys, environ)
    if not reason.strip():
        raise UsageWrong("a removal needs a reason", code="reason_missing", remedy='add: --reason "..."')
    signer = choose_operator(store, by)
    body = {"operator": check_name(name), "reason": reason.strip(), "by": signer}
    append_proved(client, store, signer, _draft(EventKind.OPERATOR_REMOVED, body))
    with suppress(OSError):
        (ws.keys / f"{name}.pub").unlink(missing_ok=True)


def _draft(kind: EventKind, body: dict[str, Any]) -> EventDraft:
    return EventDraft(event_id=new_event_id(secrets.token_bytes), kind=kind.value, body=body)


def _public(store: KeyStore, name: str) -> str | None:
    try:
        return store.public(name)
    except PeakError:
        return None


def _mine(store: KeyStore) -> list[str]:
    try:
        return store.mine()
    except PeakError:
        return []
