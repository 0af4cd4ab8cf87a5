"""Breakers of providers' models in the writer's transaction, and what providers said of their rate limits.

A fold of calls' ends, dated by the events themselves, so it holds over restarts. A request that is not let
through is refused with code ``breaker_open``; a trip is an event of the ledger's own, a reset is that
or an operator's.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from peak_console.domain.calls import CallReason
from peak_console.domain.clock import from_iso, from_unix_us, iso, unix_us
from peak_console.domain.errors import ControlRefused, LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.headers import Header, malformed
from peak_console.ledger.projections import Body
from peak_console.ledger.service.privileges import refuse_nodes_own
from peak_console.policy import breaker as rules_of
from peak_console.policy.breaker import Breaker, BreakerRules, BreakerState, Bucket

PROVIDER: Final = "provider"
"""What the events of this breaker say they are about."""

RATE_FIELDS: Final = ("remaining_requests", "remaining_tokens", "reset_ms", "limit_requests", "limit_tokens")
"""What is kept of a provider's word on its rate limit."""

Model = tuple[str, str]
"""Provider and model id."""

_COLUMNS: Final = 15
_ENDS: Final = frozenset({EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value})
_TOLD: Final = "retry_after_ms"
_COUNT_LIMIT: Final = 2**53


@dataclass(frozen=True, slots=True)
class RateSeen:
    """A provider's last word on its rate limit: what it gave of :data:`RATE_FIELDS`, when, and where."""

    fields: Mapping[str, int] = field(default_factory=dict)
    at_us: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A breaker whose time to stay open is running; ``until_us`` in microseconds since 1970."""

    provider: str
    model_id: str
    until_us: int
    latched: bool = False
    """Whether only an operator closes it."""


class Breakers:
    """The projection of provider breakers. ``rules`` is asked at every end, so an edit binds at once.

    It keeps a row for each provider's model that was ever asked; it does not grow with the number of calls.
    """

    def __init__(self, rules: Callable[[], BreakerRules]) -> None:
        self._rules = rules
        self._last_rules = BreakerRules()
        self.reset()

    def open(self, db: sqlite3.Connection) -> None:
        """Go on with what is stored."""
        for row in db.execute("SELECT * FROM provider_breaker"):
            model, breaker, rate = from_row(row)
            self._breakers[model] = breaker
            if rate is not None:
                self._rates[model] = rate

    def reset(self) -> None:
        """Forget; :meth:`open` reads again what is committed."""
        self._breakers: dict[Model, Breaker] = {}
        self._rates: dict[Model, RateSeen] = {}
        self._changed: set[Model] = set()
        self._ts, self._ts_us = "", 0

    def open_now(self, now_us: int) -> tuple[OpenBreaker, ...]:
        """The breakers that hold now, the longest first: for whoever plans a call."""
        held = [
            OpenBreaker(*model, one.until_us) for model, one in self._breakers.items() if one.holds(now_us)
        ]
        return tuple(sorted(held, key=lambda one: (-one.until_us, one.provider, one.model_id)))

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """A condition of the writer: nobody else trips a provider's breaker, an operator may close it."""
        if draft.body.get("breaker") != PROVIDER:
            return None
        if draft.kind == EventKind.BREAKER_TRIPPED:
            return refuse_nodes_own(draft.kind)
        if draft.kind != EventKind.BREAKER_RESET:
            return None
        model = model_of_reset(draft)
        if isinstance(model, PeakError):
            return model
        breaker = self._breakers.get(model)
        closed = breaker is None or breaker.state is BreakerState.CLOSED
        return not_tripped(PROVIDER, model) if closed else None

    # -- the projection

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:
        """``None`` when the breaker of the call's model is closed, or the call may probe it."""
        model = (draft.provider or "", draft.model_id or "")
        breaker = self._breakers.get(model)
        wait = None if breaker is None else rules_of.admit(breaker, unix_us(now))
        if breaker is None or wait is None:
            return None
        probed = breaker.state is BreakerState.HALF_OPEN
        return Refusal(
            CallReason.BREAKER_OPEN.value,
            f"{model[0]}:{model[1]} is being tried with another call"
            if probed
            else f"{model[0]}:{model[1]} is left alone until {iso(from_unix_us(wait.until_us))} after "
            f"failures, the last: {breaker.reason}",
            "ask again after that, or have a fallback in the slot; see: peak status",
            {
                "provider": model[0],
                "model_id": model[1],
                "state": breaker.state.value,
                "until_us": wait.until_us,
                "retry_after_ms": -(-wait.retry_after_us // 1000),
            },
        )

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Fold one event; gives the trip or reset that it causes."""
        kind = event.kind
        if not event.model_id or not event.provider:
            return ()
        if kind == EventKind.BREAKER_RESET and body.get("breaker") == PROVIDER:
            self._closed_by_hand(event)
            return ()
        if kind == EventKind.CALL_REQUESTED:
            model = (event.provider, event.model_id)
            breaker = self._breakers.get(model)
            if breaker is not None and breaker.state is not BreakerState.CLOSED:
                self._set(model, rules_of.sent(breaker, hop_name(event, body), self._us(event.ts)))
            return ()
        if kind in _ENDS:
            return self._ended(event, body)
        if kind == EventKind.CALL_ACCEPTED:
            return self._heard(event, body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the rows that changed."""
        if self._changed:
            marks = ",".join("?" * _COLUMNS)
            db.executemany(
                f"INSERT OR REPLACE INTO provider_breaker VALUES ({marks})",  # noqa: S608 - marks only
                [to_row(model, self._breakers[model], self._rates.get(model)) for model in self._changed],
            )
            self._changed.clear()

    # -- rules

    def _ended(self, event: Header, body: Body) -> Sequence[EventDraft]:
        rate = body.get("rate")
        if isinstance(rate, Mapping):
            self._note_rate(event, rate)
        model, hop = (event.provider or "", event.model_id or ""), hop_name(event, body)
        before, rules, now_us = self._breakers.get(model, Breaker()), self._rules_now(), self._us(event.ts)
        reasons = reasons_of(event.kind, body)
        if event.kind == EventKind.CALL_COMPLETED:
            after = rules_of.answered(before, hop, rules, now_us, failures=reasons)
        else:
            after = rules_of.failed(before, hop, reasons, rules, now_us, told_us=told_wait_us(body))
        return self._set(model, after, event)

    def _heard(self, event: Header, body: Body) -> Sequence[EventDraft]:
        model = (event.provider or "", event.model_id or "")
        before = self._breakers.get(model)
        if before is None:
            return ()
        return self._set(model, rules_of.heard(before, hop_name(event, body), self._us(event.ts)), event)

    def _closed_by_hand(self, event: Header) -> None:
        """An operator's reset. That of the ledger itself finds the breaker closed already."""
        model = (event.provider or "", event.model_id or "")
        before = self._breakers.get(model)
        if before is not None and before.state is not BreakerState.CLOSED:
            self._set(model, rules_of.reset(before, self._us(event.ts)))

    def _set(self, model: Model, after: Breaker, cause: Header | None = None) -> Sequence[EventDraft]:
        before = self._breakers.get(model, Breaker())
        if after == before:
            return ()
        self._breakers[model] = after
        self._changed.add(model)
        tripped = after.trips > before.trips
        closed = after.state is BreakerState.CLOSED and before.state is not BreakerState.CLOSED
        if cause is None or not (tripped or closed):
            return ()
        kind = EventKind.BREAKER_TRIPPED if tripped else EventKind.BREAKER_RESET
        return [_breaker_event(cause, kind, before, after)]

    def _note_rate(self, event: Header, rate: Mapping[str, Any]) -> None:
        fields = rate_fields(rate)
        if not fields:
            return
        model = (event.provider or "", event.model_id or "")
        self._breakers.setdefault(model, Breaker())
        self._rates[model] = RateSeen(fields, self._us(event.ts), event.seq)
        self._changed.add(model)

    def _rules_now(self) -> BreakerRules:
        try:
            self._last_rules = self._rules()
        except PeakError:
            return self._last_rules  # a broken file forbids calls anyway; what still ends is judged as before
        return self._last_rules

    def _us(self, ts: str) -> int:
        if ts != self._ts:
            self._ts, self._ts_us = ts, unix_us(from_iso(ts))
        return self._ts_us


def hop_name(event: Header, body: Body) -> str:
    """How a hop is named as a probe."""
    return f"{event.call_id}|{body.get('hop')}"


def reasons_of(kind: str, body: Body) -> list[str]:
    """Why attempts of a hop failed; and a failed hop itself, where its last attempt does not say."""
    attempts = body.get("attempts") or ()
    told = [str(one.get("reason")) for one in attempts if isinstance(one, Mapping)]
    reason = str(body.get("reason"))
    if kind == EventKind.CALL_COMPLETED or not attempts or reason not in rules_of.COUNTED:
        return told
    return told if told and told[-1] in rules_of.COUNTED else [*told, reason]


def told_wait_us(body: Body) -> int:
    """The longest wait that the provider asked for in this hop, in microseconds; 0 where for none."""
    told = [body.get(_TOLD), *(one.get(_TOLD) for one in body["attempts"] if isinstance(one, Mapping))]
    return 1000 * max((ms for ms in told if type(ms) is int and 0 <= ms < _COUNT_LIMIT), default=0)


def rate_fields(rate: Mapping[str, Any]) -> dict[str, int]:
    """What is kept of a body's ``rate``: the known fields that are counts."""
    return {
        name: value
        for name in RATE_FIELDS
        if type(value := rate.get(name)) is int and 0 <= value < _COUNT_LIMIT
    }


def to_row(model: Model, breaker: Breaker, rate: RateSeen | None) -> tuple[Any, ...]:
    """A row of the table ``provider_breaker``."""
    return (
        *model,
        breaker.state.value,
        orjson.dumps(breaker.failures).decode(),
        breaker.reason,
        breaker.opened_us,
        breaker.until_us,
        breaker.span_us,
        breaker.trips,
        breaker.changed_us,
        breaker.probe,
        orjson.dumps(dict(rate.fields), option=orjson.OPT_SORT_KEYS).decode() if rate else "",
        rate.at_us if rate else 0,
        rate.seq if rate else 0,
        orjson.dumps([list(one) for one in breaker.recent]).decode(),
    )


def from_row(row: Sequence[Any]) -> tuple[Model, Breaker, RateSeen | None]:
    """The inverse of :func:`to_row`; raises ``LedgerUnavailable`` for what it cannot have written."""
    provider, model_id, state, failures, reason, *numbers, probe, rate, rate_us, rate_seq, recent = row
    opened_us, until_us, span_us, trips, changed_us = numbers
    try:
        breaker = Breaker(
            BreakerState(state),
            tuple(orjson.loads(failures)),
            reason,
            opened_us,
            until_us,
            span_us,
            trips,
            changed_us,
            probe,
            tuple(_bucket(*one) for one in orjson.loads(recent)),
        )
        told = RateSeen(orjson.loads(rate), rate_us, rate_seq) if rate else None
    except (ValueError, TypeError) as error:
        raise LedgerUnavailable(
            f"the breaker of {provider}:{model_id} is stored as what is no breaker",
            code="ledger_corrupt",
            remedy='look at: peak ledger verify; go on after it: peak ledger recover --reason "..."',
        ) from error
    return (provider, model_id), breaker, told


def _bucket(*numbers: Any) -> Bucket:
    if not all(type(one) is int for one in numbers):
        raise TypeError("a bucket holds whole numbers")
    return Bucket(*numbers)


def model_of_reset(draft: EventDraft) -> Model | PeakError:
    """The model whose breaker an operator's ``breaker.reset`` closes; an error where it does not say all."""
    body = draft.body
    for name in ("provider", "model_id", "reason", "operator"):
        if not isinstance(body.get(name), str) or not body[name].strip():
            return malformed(f"body of {draft.kind}", f"has no usable {name!r}")
    model: Model = (body["provider"], body["model_id"])
    if (draft.provider, draft.model_id) == model:
        return model
    return malformed("header", "names another model than the body")


def not_tripped(breaker: str, model: Model) -> ControlRefused:
    """The refusal of a reset where nothing is tripped."""
    return ControlRefused(
        f"the {breaker} breaker of {model[0]}:{model[1]} is closed".replace("\n", " ")[:300],
        code="breaker_closed",
        remedy="there is nothing to reset; see: peak breaker list",
    )


def _breaker_event(cause: Header, kind: EventKind, before: Breaker, after: Breaker) -> EventDraft:
    body = {
        "breaker": PROVIDER,
        "provider": cause.provider,
        "model_id": cause.model_id,
        "state_from": before.state.value,
        "state_to": after.state.value,
        "reason": after.reason if kind == EventKind.BREAKER_TRIPPED else "probe_answered",
        "until": iso(from_unix_us(after.until_us)) if kind == EventKind.BREAKER_TRIPPED else None,
        "trips": after.trips,
    }
    identity = hashlib.sha256(f"{cause.event_id}|{kind}".encode()).hexdigest()[:32]
    return EventDraft(
        f"ev_{identity}",
        kind.value,
        body,
        call_id=cause.call_id,
        provider=cause.provider,
        model_id=cause.model_id,
    )
