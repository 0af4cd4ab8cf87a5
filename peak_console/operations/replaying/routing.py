"""Routes judged again: each candidate by the configs of that time and what was asked, and who was asked.

Taken as recorded, because they were the caller's circumstances: its keys and addresses, providers that had
refused its key, open breakers, and what was found when a request was written for one candidate.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from peak_console.config.configs import Configs
from peak_console.domain.calls import CallLimits, CallReason, CallRequest, HostedTool, Message, ToolDefinition
from peak_console.domain.errors import CallRefused
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.candidates import Candidate, CandidateRefusal, Facts, Usable, survey
from peak_console.llm.fitting import Terms, agreed
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.record import PRUNED, CallRecord, day_of, level_of, rows_of
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.views.body_fields import listed, mapping, text_of, time_of, whole

_ENVIRONMENT: Final = frozenset(
    {
        CallReason.KEY_MISSING.value,
        CallReason.ADDRESS_MISSING.value,
        CallReason.BASE_URL_REFUSED.value,
        CallReason.REAL_KEY_IN_SIMULATION.value,
        CallReason.PROVIDER_DOWN.value,
    }
)
"""Reasons that lie in the caller's environment."""
_LATE: Final = frozenset(
    {
        CallReason.BREAKER_OPEN.value,
        CallReason.BUDGET_EXCEEDED.value,
        CallReason.BAD_REQUEST.value,
        CallReason.CONTEXT_LENGTH.value,
        CallReason.FORBIDDEN_BASE_URL.value,
    }
)
"""Reasons found after the plan, or of an address that only the caller's environment told: judged apart."""
_SIMULATOR: Final = "http://127.0.0.1:1"
_WHO: Final = ("provider", "model_id", "role", "position")
_PRICES: Final = ("price_source", "input_usd_per_mtok", "output_usd_per_mtok")

Judged = tuple[Candidate, Terms | CandidateRefusal | None]
"""A candidate, and on what terms it takes the request (``None`` where it was refused before)."""


def replay_route(event: LedgerEvent, known: Known, found: Findings) -> None:
    """Judge each candidate of an event's route again."""
    rows = rows_of(event)
    if known.configs is None:
        for _ in rows:
            found.skip(Decision.ROUTING, event, known.why)
        return
    judged = _judged(event, rows, known.configs)
    if isinstance(judged, str):
        found.same(Decision.ROUTING, event, "the slot", f"{len(rows)} candidates", judged)
        return
    for row, one in zip(rows, judged, strict=False):
        _replay_row(event, row, one, found)
    if len(rows) != len(judged):
        found.same(Decision.ROUTING, event, "candidates", len(rows), len(judged))


def replay_choices(call: CallRecord, found: Findings) -> None:
    """Judge again who was asked: the first admitted candidate behind the one asked before."""
    last, asked, cooled = -1, set[int](), set[int]()
    previous: LedgerEvent | None = None
    for event in call.events:
        body = event.body or {}
        if event.kind == EventKind.CALL_FAILED:
            previous = event
        elif event.kind == EventKind.FALLBACK_TAKEN:
            _replay_fallback(event, call, previous, found)
        elif event.kind == EventKind.CALL_REFUSED and body.get("reason") == CallReason.BREAKER_OPEN.value:
            cooled.add(_place(event, rows_of(event)))
        elif event.kind == EventKind.CALL_REQUESTED and event.body is None:
            found.skip(Decision.CHOICE, event, PRUNED)
        elif event.kind == EventKind.CALL_REQUESTED:
            rows = rows_of(event)
            place = _place(event, rows)
            again = body.get("repair") is True or body.get("resend") is True
            expected = last if again else _next(rows, last, asked, place, cooled=place in cooled)
            found.same(Decision.CHOICE, event, "candidate asked", _name(rows, place), _name(rows, expected))
            last = place
            asked.add(place)


# -- candidates


def _judged(event: LedgerEvent, rows: Sequence[Mapping[str, Any]], configs: Configs) -> list[Judged] | str:
    """The candidates judged as the road does; or why the slot has none."""
    body = event.body or {}
    try:
        layer, role = Layer(str(body.get("asked_layer") or event.layer)), Role(str(body.get("asked_role")))
        candidates = survey(configs, layer, role, _facts(event, rows))
        request = _request(body, layer, role)
    except CallRefused as error:
        return f"{error.code}: {error.message}"
    except (ValueError, ValidationError) as error:
        return f"its request cannot be read: {type(error).__name__}"
    least = whole(body.get("content_bytes")) or 0
    streamed = body.get("stream") is True
    return [(one, _terms(one, one.usable, request, streamed=streamed, least=least)) for one in candidates]


def _terms(
    one: Candidate, usable: Usable | None, request: CallRequest, *, streamed: bool, least: int
) -> Terms | CandidateRefusal | None:
    if usable is None:
        return None
    return agreed(one, usable, request, streamed=streamed, least_input=least)


def _facts(event: LedgerEvent, rows: Sequence[Mapping[str, Any]]) -> Facts:
    """The circumstances of a call as its event tells them."""
    body = event.body or {}
    simulated = body.get("simulated") is True
    everyone = {adapter.provider for adapter in ADAPTERS.values()}
    keyless = {row.get("provider") for row in rows if row.get("reason") == CallReason.KEY_MISSING}
    addresses = dict.fromkeys(everyone, _SIMULATOR) if simulated else {}
    told = text_of(body.get("base_url"))
    if told and event.provider:
        addresses[event.provider] = told
    return Facts(
        today=day_of(event),
        now=time_of(event),
        phase=level_of(event),
        simulated=simulated,
        base_urls=addresses,
        keys=frozenset(everyone - keyless),
    )


def _request(body: Mapping[str, Any], layer: Layer, role: Role) -> CallRequest:
    """A request of the same demands; what it said is not needed to judge who takes it."""
    return CallRequest(
        layer=layer,
        role=role,
        messages=(Message(role="user", content=""),),
        tools=tuple(ToolDefinition(name=str(one)) for one in listed(body.get("tools"))),
        hosted_tools=tuple(
            _hosted(str(name), count, mapping(mapping(body.get("hosted_domains")).get(name)))
            for name, count in mapping(body.get("hosted")).items()
        ),
        response_schema={} if body.get("schema") is True else None,
        background=body.get("background") is True,
        limits=CallLimits(max_output_tokens=whole(body.get("own_max_output_tokens"))),
    )


def _hosted(name: str, count: Any, kept: Mapping[str, Any]) -> HostedTool:
    domains = tuple(str(one) for one in listed(kept.get("domains")))
    required = kept.get("required") is not False
    return HostedTool(name=name, max_calls=count, allowed_domains=domains, domains_required=required)


def _replay_row(event: LedgerEvent, row: Mapping[str, Any], judged: Judged, found: Findings) -> None:
    candidate, terms = judged
    again, reason = candidate.row(), str(row.get("reason"))
    name = f"{row.get('provider')}:{row.get('model_id')}"
    if not found.same(Decision.ROUTING, event, f"place of {name}", _of(row, _WHO), _of(again, _WHO)):
        return
    refusal = candidate.refusal or (terms if isinstance(terms, CandidateRefusal) else None)
    expected = refusal.reason.value if refusal else "admitted"
    open_to = _LATE | _ENVIRONMENT if refusal is None else _ENVIRONMENT if expected in _ENVIRONMENT else ()
    if reason in open_to:
        expected = reason
    elif expected in _ENVIRONMENT and reason not in _ENVIRONMENT:
        found.skip(Decision.ROUTING, event, f"{name}: its address or key is the caller's, and not on record")
        return
    elif not _demands_known(event) and expected in {"admitted", reason}:
        expected = reason
    found.same(Decision.ROUTING, event, name, reason, expected)
    if candidate.usable is not None and "price_source" in row:
        found.same(Decision.ROUTING, event, f"price of {name}", _of(row, _PRICES), _of(again, _PRICES))
    if isinstance(terms, Terms) and _is_asked(event, row):
        allowed = (event.body or {}).get("max_output_tokens")
        found.same(Decision.ROUTING, event, f"output of {name}", allowed, terms.max_output_tokens)


def _demands_known(event: LedgerEvent) -> bool:
    """Whether the event says what of the request decides who takes it; earlier versions did not."""
    return "content_bytes" in (event.body or {})


def _is_asked(event: LedgerEvent, row: Mapping[str, Any]) -> bool:
    asked = (event.provider, event.model_id, event.role)
    return event.kind == EventKind.CALL_REQUESTED and asked == (
        row.get("provider"),
        row.get("model_id"),
        row.get("role"),
    )


def _of(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names)


# -- the choice


def _next(rows: Sequence[Mapping[str, Any]], last: int, asked: set[int], place: int, *, cooled: bool) -> int:
    """The place that is asked after ``last``; one whose breaker was waited for may be come back to."""
    first = next(_admitted(rows, last, asked), -1)
    free = 0 <= place < len(rows) and rows[place].get("admitted") is True and place not in asked
    if free and (cooled or (place <= last and first == -1)):
        return place
    return first


def _admitted(rows: Sequence[Mapping[str, Any]], last: int, asked: set[int]) -> Iterator[int]:
    return (
        at for at, row in enumerate(rows) if at > last and row.get("admitted") is True and at not in asked
    )


def _place(event: LedgerEvent, rows: Sequence[Mapping[str, Any]]) -> int:
    """Where an event's candidate stands in the route; -1 where it does not."""
    asked = (event.provider, event.model_id, event.role)
    told = ((row.get("provider"), row.get("model_id"), row.get("role")) for row in rows)
    return next((at for at, one in enumerate(told) if one == asked), -1)


def _name(rows: Sequence[Mapping[str, Any]], place: int) -> str:
    if not 0 <= place < len(rows):
        return "nobody of the route"
    return f"{rows[place].get('provider')}:{rows[place].get('model_id')}"


def _replay_fallback(
    event: LedgerEvent, call: CallRecord, previous: LedgerEvent | None, found: Findings
) -> None:
    """Judge a fallback again: from the candidate before it in the route, and why that did not answer."""
    body = event.body
    hop = call.hops.get(whole((body or {}).get("hop")) or 0)
    request = hop.requested if hop else None
    if body is None or request is None or request.body is None:
        found.skip(Decision.CHOICE, event, PRUNED)
        return
    rows = rows_of(request)
    place = _place(request, rows)
    if place < 1:
        found.same(Decision.CHOICE, event, "fallback to", _model(body.get("to")), "no fallback of the route")
        return
    before = rows[place - 1]
    passed = before.get("reason") not in {"admitted", None}
    reason = before.get("reason") if passed else (previous.body or {}).get("reason") if previous else ""
    expected = (_model(before), _model(rows[place]), reason)
    recorded = (_model(body.get("from")), _model(body.get("to")), body.get("reason"))
    found.same(Decision.CHOICE, event, "fallback from, to, why", recorded, expected)


def _model(told: Any) -> str:
    one = mapping(told)
    return f"{one.get('provider')}:{one.get('model_id')}"
