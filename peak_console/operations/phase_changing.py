"""Changing the phase: an operator promotes by one step on green readiness, or demotes to any lower phase."""

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.ledger import existing
from peak_console.operations.phase import phase_of
from peak_console.operations.readiness import Readiness, readiness

REASON_LIMIT: Final = 500

_ORDER: Final = tuple(Phase)
_EFFECT_WAIT_S: Final = 3.0
_POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class PhaseStep:
    """One change of the phase on record."""

    seq: int
    at: str
    before: str
    after: str
    operator: str
    actor: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "seq": self.seq,
            "at": self.at,
            "from": self.before,
            "to": self.after,
            "operator": self.operator,
            "actor": self.actor,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """A change that is on record; ``seen`` says whether the node's lease shows it by now."""

    before: Phase
    after: Phase
    seq: int
    event_id: str
    operator: str
    seen: bool
    readiness: Readiness | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON of a change."""
        return {
            "from": self.before.value,
            "to": self.after.value,
            "seq": self.seq,
            "event_id": self.event_id,
            "operator": self.operator,
            "in_force": self.seen,
            "readiness": self.readiness.as_dict() if self.readiness else None,
        }


def promote(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    reason: str,
    to: Phase | None = None,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> PhaseChanged:
    """Go on by one phase, or confirm that it may not be.

    Inside research a reason is enough. Raises ``ControlRefused`` (``not_ready``, whose details list what is
    missing) where shadow, testnet or live is not ready, ``phase_skipped`` for more than one step,
    ``phase_highest``, ``phase_not_higher``; ``UsageWrong`` without a reason; and what keeps it from being
    recorded, ``changed_meanwhile`` among it.
    """
    why = _checked(reason)
    here = phase_of(ws)
    after = promotion_from(here, to)
    found = None
    if after.level is not PhaseLevel.RESEARCH:
        found = readiness(ws, after, clock=clock)
        if not found.green:
            raise _not_ready(found)
    return _change(ws, client, _Wanted(here, after, why, operator, found), environ, clock)


def demote(
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    reason: str,
    to: Phase | None = None,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> PhaseChanged:
    """Go back to a lower phase, by default the one below; nothing but a reason is asked.

    Raises ``UsageWrong`` without a reason, ``ControlRefused`` (``phase_lowest``, ``phase_not_lower``), and
    what keeps it from being recorded.
    """
    why = _checked(reason)
    here = phase_of(ws)
    wanted = _Wanted(here, demotion_from(here, to), why, operator)
    return _change(ws, client, wanted, environ, clock)


def promotion_from(here: Phase, to: Phase | None) -> Phase:
    """The phase that a promotion leads to; raises ``ControlRefused`` where there is none or it is skipped."""
    place = _ORDER.index(here)
    if place + 1 == len(_ORDER):
        raise ControlRefused(
            f"{here} is the last phase", code="phase_highest", remedy="there is nothing beyond it"
        )
    following = _ORDER[place + 1]
    if to is None or to is following:
        return following
    if _ORDER.index(to) <= place:
        raise ControlRefused(
            f"{to} is not beyond {here}",
            code="phase_not_higher",
            remedy=f'to go back: peak phase demote --to {to} --reason "..."',
        )
    raise ControlRefused(
        f"from {here} the next phase is {following}, not {to}",
        code="phase_skipped",
        remedy=f'one step at a time: peak phase promote --to {following} --reason "..."',
    )


def demotion_from(here: Phase, to: Phase | None) -> Phase:
    """The phase that a demotion leads to; raises ``ControlRefused`` where it is not lower."""
    place = _ORDER.index(here)
    if not place:
        raise ControlRefused(
            f"{here} is the first phase", code="phase_lowest", remedy="there is nothing below it"
        )
    if to is None:
        return _ORDER[place - 1]
    if _ORDER.index(to) < place:
        return to
    raise ControlRefused(
        f"{to} is not below {here}",
        code="phase_not_lower",
        remedy='to go on by one phase: peak phase promote --reason "..."',
    )


def phase_history(ws: Workspace, limit: int = 20) -> tuple[PhaseStep, ...]:
    """The last changes of the phase, the newest first. Raises ``LedgerUnavailable``."""
    if not ws.ledger.exists():
        return ()
    with LedgerReader(existing(ws).ledger) as reader:
        found = reader.find(EventFilter(kinds=(EventKind.PHASE_CHANGED.value,)), None, limit)
    return tuple(_step(event) for event in found.events)


def _step(event: LedgerEvent) -> PhaseStep:
    body = event.body or {}
    told = {name: one_line(str(body.get(name, "")), REASON_LIMIT) for name in ("from", "to", "operator")}
    reason = one_line(str(body.get("reason", "")), REASON_LIMIT)
    return PhaseStep(event.seq, event.ts, told["from"], told["to"], told["operator"], event.actor, reason)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A change that may be asked of the node."""

    before: Phase
    after: Phase
    reason: str
    operator: str | None
    readiness: Readiness | None = None


def _change(
    ws: Workspace,
    client: BlockingLedgerClient,
    wanted: _Wanted,
    environ: Mapping[str, str] | None,
    clock: Clock | None,
) -> PhaseChanged:
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    signer = choose_operator(store, wanted.operator)
    body: dict[str, Any] = {
        "from": wanted.before.value,
        "to": wanted.after.value,
        "reason": wanted.reason,
        "operator": signer,
    }
    if wanted.readiness is not None:
        body["readiness"] = wanted.readiness.recorded()
    event_id = new_event_id(secrets.token_bytes)
    draft = EventDraft(event_id, EventKind.PHASE_CHANGED.value, body)
    seq = append_proved(client, store, signer, draft)
    seen = _await(ws, wanted.after, environ, clock)
    return PhaseChanged(wanted.before, wanted.after, seq, event_id, signer, seen, wanted.readiness)


def _await(ws: Workspace, after: Phase, environ: Mapping[str, str] | None, clock: Clock | None) -> bool:
    """Wait until the lease of the running node says so too; a node that holds none says nothing."""
    gate = CallGate(ws.control, clock or SystemClock(), os.environ if environ is None else environ)
    until = time.monotonic() + _EFFECT_WAIT_S
    while (lease := gate.lease()) is not None:
        if lease.phase == after.value:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL_S)
    return False


def _checked(reason: str) -> str:
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong(
            "a change of the phase needs a reason", code="reason_missing", remedy='add: --reason "..."'
        )
    return why


def _not_ready(found: Readiness) -> ControlRefused:
    count = len(found.missing)
    names = ", ".join(one.id for one in found.missing)
    return ControlRefused(
        f"{found.phase} is not ready: {count} of {len(found.criteria)} criteria are not green: {names}",
        code="not_ready",
        remedy=f"see what is missing and why: peak readiness {found.phase}",
        phase=found.phase.value,
        missing=[one.as_dict() for one in found.missing],
    )
