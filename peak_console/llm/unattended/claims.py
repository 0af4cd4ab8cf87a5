"""What ``llm.call.accepted`` says: all that it takes to fetch, check and price an answer later. Pure.

Whoever resumes the call needs neither the matrix nor the prices of that day: they stand in the event.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from peak_console.budget.prices import Price
from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import Endpoint, ModelEntry
from peak_console.domain.calls import Pending
from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.money import nano_from_text, text_from_nano
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.candidates import Candidate, Usable
from peak_console.llm.drafting import Passage
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.router import Hop
from peak_console.net.messages import HttpRequest

KEPT_S: Final = 600
"""How long after its deadline an answer may still be fetched; then it counts as lost."""

_PRICES: Final = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cache_read_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "request_usd",
    "hosted_call_usd",
)


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A background call that was accepted and whose end is not recorded; times as the ledger writes them."""

    call_id: str
    run_id: str
    hop: int
    layer: str
    role: str
    provider: str
    model_id: str
    response_id: str
    accepted_at: str
    until: str
    """Its deadline: whoever resumes it later asks once, then cancels it."""
    expires_at: str
    """When it counts as lost."""
    simulated: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """An accepted hop, with what is needed to end it."""

    hop: Hop
    number: int
    response_id: str
    status: str
    asked_role: str
    until: datetime
    simulated: bool


def accepted(at: Passage, pending: Pending, *, now: datetime) -> EventDraft:
    """``llm.call.accepted``, to be durable before the call is first asked after."""
    hop, entry = at.hop, at.hop.candidate.entry
    usable = hop.usable
    until = now + timedelta(seconds=entry.timeout_s)
    body: dict[str, Any] = {
        "hop": at.number,
        "response_id": pending.response_id,
        "status": one_line(pending.status, 40),
        "base_url": usable.base_url,
        "endpoint": usable.adapter.endpoint,
        "asked_role": at.call.request.role.value,
        "request_hash": hop.request_hash,
        "until": iso(until),
        "expires_at": iso(until + timedelta(seconds=KEPT_S)),
        "timeout_s": entry.timeout_s,
        "family": usable.model.family,
        "echoes": list(usable.model.echoes),
        "lock_names": list(usable.lock_names) if usable.bound_to_lock else [],
        "deployment": entry.deployment,
        "position": entry.position,
        "degraded": entry.degraded,
        "max_output_tokens": hop.max_output_tokens,
        "bound_eur": text_from_nano(hop.bound),
        "bound_tokens": hop.bound_tokens,
        "price": _price_body(usable.price),
        "eur_per_usd": str(usable.eur_per_usd),
        "on_exhausted": at.call.on_exhausted,
        "simulated": at.call.simulated,
    }
    return EventDraft(
        hop_event_id("accepted", at.call.call_id, at.number),
        EventKind.CALL_ACCEPTED,
        body,
        run_id=at.call.run_id,
        call_id=at.call.call_id,
        layer=entry.layer.value,
        role=entry.role.value,
        provider=entry.provider,
        model_id=entry.model_id,
    )


def claim(event: LedgerEvent) -> Claim:
    """The hop of an ``llm.call.accepted``; raises ``UsageWrong`` where it does not say enough."""
    try:
        return _claim(event, event.body or {})
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise UsageWrong(
            f"call {event.call_id} cannot be resumed from event {event.seq}: {one_line(str(error), 120)}",
            code="call_not_resumable",
            remedy="look at the provider's own record; lower the bill with: peak budget settle",
        ) from error


def once(drafts: Sequence[EventDraft], hop: int) -> list[EventDraft]:
    """``drafts`` of a background hop's end under ids that follow from it, so that it ends once only."""
    named = {EventKind.CALL_COMPLETED: "end", EventKind.CALL_FAILED: "end"}
    return [
        replace(one, event_id=hop_event_id(named.get(EventKind(one.kind), one.kind), one.call_id or "", hop))
        for one in drafts
    ]


def hop_event_id(what: str, call_id: str, hop: int) -> str:
    """The id of the one event of this name that a background hop has."""
    return "ev_" + hashlib.sha256(f"background|{what}|{call_id}|{hop}".encode()).hexdigest()[:32]


def pending_call(event: LedgerEvent) -> PendingCall:
    """The row of an ``llm.call.accepted``."""
    body = event.body or {}
    return PendingCall(
        call_id=event.call_id or "",
        run_id=event.run_id or "",
        hop=int(body.get("hop", 0)),
        layer=event.layer or "",
        role=event.role or "",
        provider=event.provider or "",
        model_id=event.model_id or "",
        response_id=one_line(str(body.get("response_id", "")), 200),
        accepted_at=event.ts,
        until=str(body.get("until", "")),
        expires_at=str(body.get("expires_at", "")),
        simulated=body.get("simulated") is True,
    )


def _claim(event: LedgerEvent, body: Mapping[str, Any]) -> Claim:
    provider, model_id = event.provider or "", event.model_id or ""
    adapter = ADAPTERS[provider, body["endpoint"]]
    if adapter.background is None:
        raise ValueError(f"{provider}'s {adapter.endpoint} endpoint has no background mode")
    entry = ChainEntry(
        layer=Layer(event.layer or ""),
        role=Role(event.role or ""),
        provider=provider,
        model_id=model_id,
        degraded=body["degraded"],
        base_url=None,
        deployment=body["deployment"],
        position=body["position"],
        timeout_s=body["timeout_s"],
        max_output_tokens=body["max_output_tokens"],
    )
    model = ModelEntry(
        provider=provider,
        model_id=model_id,
        family=body["family"],
        allowed=True,
        endpoint=Endpoint(body["endpoint"]),
        context_tokens=max(body["bound_tokens"], 1),
        max_output_tokens=body["max_output_tokens"],
        echoes=tuple(body["echoes"]),
        background=True,
    )
    lock_names = tuple(body.get("lock_names", ()))
    usable = Usable(
        adapter=adapter,
        model=model,
        price=_price(provider, model_id, body["price"]),
        eur_per_usd=Decimal(body["eur_per_usd"]),
        base_url=body["base_url"],
        base_url_overridden=False,
        max_output_tokens=body["max_output_tokens"],
        lock_names=lock_names,
        bound_to_lock=bool(lock_names),
    )
    hop = Hop(
        candidate=Candidate(entry, usable, None),
        usable=usable,
        request=HttpRequest(body["base_url"], b""),
        request_hash=body["request_hash"],
        body_sha256="",
        max_output_tokens=body["max_output_tokens"],
        bound_tokens=body["bound_tokens"],
        bound=nano_from_text(body["bound_eur"]),
    )
    return Claim(
        hop=hop,
        number=body["hop"],
        response_id=body["response_id"],
        status=body["status"],
        asked_role=body["asked_role"],
        until=from_iso(body["until"]),
        simulated=body["simulated"],
    )


def _price_body(price: Price) -> dict[str, Any]:
    told = {name: getattr(price, name) for name in _PRICES}
    return {
        **{name: None if value is None else str(value) for name, value in told.items()},
        "source": price.source,
        "as_of": price.as_of.isoformat(),
        "valid_from": price.valid_from.isoformat(),
    }


def _price(provider: str, model_id: str, body: Mapping[str, Any]) -> Price:
    return Price(
        provider=provider,
        model_id=model_id,
        input_usd_per_mtok=Decimal(body["input_usd_per_mtok"]),
        output_usd_per_mtok=Decimal(body["output_usd_per_mtok"]),
        cache_read_usd_per_mtok=_maybe(body["cache_read_usd_per_mtok"]),
        cache_write_usd_per_mtok=_maybe(body["cache_write_usd_per_mtok"]),
        request_usd=Decimal(body["request_usd"]),
        source=body["source"],
        as_of=date.fromisoformat(body["as_of"]),
        valid_from=date.fromisoformat(body["valid_from"]),
        hosted_call_usd=_maybe(body["hosted_call_usd"]),
    )


def _maybe(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
