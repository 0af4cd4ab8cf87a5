"""Arming: ask, approve, confirm and withdraw through the node; and what stands, for screens.

The token comes in the reply of a request and goes into a confirmation, over the node's socket; it is in no
event, file, log, argument or variable of the environment.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.control.sockets import find_socket
from peak_console.control.tokens import is_formed
from peak_console.domain.arming import ArmState
from peak_console.domain.clock import Clock, from_iso
from peak_console.domain.errors import LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.stopping import GLOBAL
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.service.wire import draft_to_wire
from peak_console.operations.enable import choose_operator
from peak_console.operations.views.arm_past import ARM_KINDS, past_of
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmPast, ArmRequestLine
from peak_console.operations.views.freshness import Freshness

if TYPE_CHECKING:
    from datetime import datetime

PAST_SHOWN: Final = 20
"""How many events of arming are shown."""

_ANSWER_S: Final = 60.0
"""A request for live waits for the checklist to be judged."""
_STATUS_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Requested:
    """What was asked for and stands; ``token`` is shown once and kept by nobody."""

    request_id: str
    token: str = field(repr=False)
    phrase: str
    token_valid_s: int
    needs_approval: bool


def request(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    scope: str,
    run_id: str,
    purpose: str,
    reason: str,
    ttl_s: int | None,
    drill: bool,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Requested:
    """Ask to be armed; without ``ttl_s`` for the time that ``configs/control.toml`` names.

    A drill that names no scope is for ``global``. Raises ``UsageWrong`` without purpose or reason, or without
    a scope where it is none, ``ControlRefused`` with why nothing may be armed. In
    two-person mode the token can be used once another operator has approved.
    """
    _need("purpose", purpose)
    _need("reason", reason)
    body = {
        "scope": scope.strip() or _scope_of(drill=drill),
        "run_id": run_id.strip() or None,
        "purpose": purpose.strip()[:500],
        "reason": reason.strip()[:500],
        "ttl_s": ttl_s,
        "drill": drill,
    }
    signed = _signed(_keys(ws, environ), client, EventKind.ARM_REQUESTED, body, operator)
    reply = client.request("arm.request", deadline_s=_ANSWER_S, **signed)
    return Requested(
        request_id=str(reply["request_id"]),
        token=str(reply["token"]),
        phrase=str(reply["phrase"]),
        token_valid_s=int(reply["token_valid_s"]),
        needs_approval=bool(reply["needs_approval"]),
    )


def approve(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    request_id: str,
    reason: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> ArmRequestLine:
    """Approve another operator's request; raises ``ControlRefused``, for one's own too."""
    _need("reason", reason)
    body = {"request_id": request_id.strip(), "reason": reason.strip()[:500]}
    signed = _signed(_keys(ws, environ), client, EventKind.ARM_APPROVED, body, operator)
    return _request_line(client.request("arm.approve", deadline_s=_ANSWER_S, **signed)["request"])


def confirm(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    request_id: str,
    token: str,
    phrase: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> ArmLine:
    """Confirm with token and phrase: whoever asked is armed when this returns.

    Raises ``UsageWrong`` (``token_malformed``) for what reads as no token, which costs no try, and
    ``ControlRefused`` (``token_wrong``, ``phrase_differs``, ``arm_locked``, …); then nothing is armed.
    """
    if not is_formed(token):
        raise UsageWrong(
            "that reads as no token: ten characters and a check character, as XXXXX-XXXXXX",
            code="token_malformed",
            remedy="type it again as it was shown; this cost no try",
        )
    body = {"request_id": request_id.strip()}
    signed = _signed(_keys(ws, environ), client, EventKind.ARM_GRANTED, body, operator)
    reply = client.request(
        "arm.confirm", deadline_s=_ANSWER_S, token=token, phrase=" ".join(phrase.split()), **signed
    )
    return _line(reply["armed"])


def withdraw(client: BlockingLedgerClient, *, request_id: str) -> bool:
    """Take a request back; anybody may. Gives whether it still stood."""
    return bool(client.request("arm.withdraw", request_id=request_id)["withdrawn"])


def status(client: BlockingLedgerClient, clock: Clock) -> ArmFacts:
    """What the node says of arming, without what happened before."""
    return _facts(client.request("arm.status"), clock.now())


def arm_facts(ws: Workspace, clock: Clock) -> ArmFacts:
    """All that the screen Arm shows. Never raises: ``freshness`` says why where the node does not answer."""
    now = clock.now()
    past, problem = _past(ws)
    try:
        path = find_socket(ws.control)
        with BlockingLedgerClient.connect(path, name="arming", deadline_s=_STATUS_S) as client:
            return _facts(client.request("arm.status"), now, past)
    except (PeakError, KeyError, TypeError, ValueError) as error:
        told = error.message if isinstance(error, PeakError) else "the node's answer cannot be read"
        remedy = error.remedy if isinstance(error, PeakError) else "restart it: peak node stop"
        fresh = Freshness(None, problem or told, remedy)
        return ArmFacts(now, refusals=(told,), drill_refusals=(told,), past=past, freshness=fresh)


def _past(ws: Workspace) -> tuple[tuple[ArmPast, ...], str]:
    if not ws.ledger.exists():
        return (), ""
    try:
        with LedgerReader(ws.ledger) as reader:
            return past_of(reader.find(EventFilter(kinds=ARM_KINDS), limit=PAST_SHOWN).events), ""
    except LedgerUnavailable as error:
        return (), error.message


def _keys(ws: Workspace, environ: Mapping[str, str] | None) -> KeyStore:
    return KeyStore(ws.keys, os.environ if environ is None else environ)


def _signed(
    store: KeyStore,
    client: BlockingLedgerClient,
    kind: EventKind,
    body: Mapping[str, Any],
    operator: str | None,
) -> dict[str, Any]:
    """The draft and its proof, as the node's operations of arming take them."""
    signer = choose_operator(store, operator)
    draft = EventDraft(
        new_event_id(secrets.token_bytes),
        kind.value,
        {**body, "operator": signer},
        run_id=body.get("run_id"),
    )
    nonce = str(client.request("challenge")["nonce"])
    proof = store.prove(signer, nonce, draft)
    told = {"operator": proof.operator, "nonce": proof.nonce, "signature": proof.signature}
    return {"draft": draft_to_wire(draft), "proof": told}


def _facts(told: Mapping[str, Any], now: "datetime", past: tuple[ArmPast, ...] = ()) -> ArmFacts:
    request, armed, locked = told.get("request"), told.get("armed"), told.get("locked_until")
    return ArmFacts(
        taken_at=now,
        state=ArmState(told["state"]),
        request=None if request is None else _request_line(request),
        lease=None if armed is None else _line(armed),
        locked_until=None if locked is None else from_iso(locked),
        default_ttl_s=int(told["default_ttl_s"]),
        max_ttl_s=int(told["max_ttl_s"]),
        two_person=told["two_person"] is True,
        refusals=tuple(str(one) for one in told["refusals"]),
        drill_refusals=tuple(str(one) for one in told["drill_refusals"]),
        past=past,
        freshness=Freshness(now),
    )


def _request_line(told: Mapping[str, Any]) -> ArmRequestLine:
    until = told["token_until"]
    return ArmRequestLine(
        request_id=told["request_id"],
        scope=told["scope"],
        run_id=told["run_id"],
        purpose=told["purpose"],
        requester=told["requester"],
        ttl_s=told["ttl_s"],
        drill=told["drill"],
        requested_at=from_iso(told["requested_at"]),
        token_until=None if until is None else from_iso(until),
        tries_left=told["tries_left"],
        phrase=told["phrase"],
        needs_approval=told["needs_approval"],
        approved_by=told["approved_by"],
    )


def _line(told: Mapping[str, Any]) -> ArmLine:
    return ArmLine(
        lease_id=told["lease_id"],
        scope=told["scope"],
        run_id=told["run_id"],
        actor=told["actor"],
        drill=told["drill"],
        granted_at=from_iso(told["granted_at"]),
        expires_at=from_iso(told["expires_at"]),
        left_s=told["left_ms"] / 1000,
    )


def _scope_of(*, drill: bool) -> str:
    """The scope of a request that names none: a drill arms nothing, so it may be for everything."""
    if drill:
        return GLOBAL
    raise UsageWrong(
        "a request to be armed needs a scope",
        code="scope_missing",
        remedy="add: --scope venue:NAME, or --scope global for every venue",
    )


def _need(what: str, text: str) -> None:
    if not text.strip():
        raise UsageWrong(
            f"a request to be armed needs a {what}" if what == "purpose" else "it needs a reason",
            code=f"{what}_missing",
            remedy=f'add: --{what} "..."',
        )
