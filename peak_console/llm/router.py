"""Step 2 of the road: a call's route, the bytes for each candidate and what they may cost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from peak_console.budget.prices import bound
from peak_console.config.registry import ModelEntry
from peak_console.domain.calls import CallReason, CallRequest
from peak_console.domain.canonical import NotCanonical, digest, sha256_hex
from peak_console.domain.money import NanoEur, nano_from_text, text_from_nano
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.candidates import Candidate, CandidateRefusal, Usable
from peak_console.llm.providers.wire import WireCall
from peak_console.net.messages import HttpRequest
from peak_console.policy.deny import Denial


@dataclass(frozen=True, slots=True)
class Hop:
    """An admitted candidate with the request that would go to it, and the most it can cost."""

    candidate: Candidate
    usable: Usable
    request: HttpRequest
    request_hash: str
    body_sha256: str
    max_output_tokens: int
    bound_tokens: int
    bound: NanoEur
    dropped: tuple[str, ...] = ()
    """Parameters the caller set and the model refuses."""


@dataclass(frozen=True, slots=True)
class Route:
    """A call's plan: every candidate with its verdict, and the hops that may be taken, in order."""

    layer: Layer
    role: Role
    candidates: tuple[Candidate, ...]
    hops: tuple[Hop, ...]
    rows: tuple[dict[str, Any], ...]

    @property
    def refusal(self) -> CandidateRefusal | None:
        """Why nobody can be asked: the first candidate's reason; ``None`` when there is a hop."""
        if self.hops:
            return None
        return next((one.refusal for one in self.candidates if one.refusal), None)

    def skip(self, hop: Hop, refusal: CandidateRefusal) -> None:
        """Note that ``hop`` was not taken after all; the rows of later events say so."""
        row = self.rows[hop.candidate.entry.position]
        row |= {"admitted": False, "reason": refusal.reason.value, "detail": refusal.detail}

    @property
    def denials(self) -> tuple[tuple[Candidate, Denial], ...]:
        """The candidates the policy refused."""
        found = ((one, one.refusal.denial) for one in self.candidates if one.refusal)
        return tuple((one, denial) for one, denial in found if denial is not None)


def plan(candidates: Sequence[Candidate], request: CallRequest) -> Route:
    """The route of ``request`` over surveyed candidates."""
    judged, hops, rows = [], [], []
    for candidate in candidates:
        hop = _hop(candidate, request) if candidate.usable else None
        if isinstance(hop, CandidateRefusal):
            candidate, hop = Candidate(candidate.entry, None, hop, candidate.lifecycle), None  # noqa: PLW2901 - refused now
        row = candidate.row()
        if hop is not None:
            row["bound_eur"] = text_from_nano(hop.bound)
            hops.append(hop)
        judged.append(candidate)
        rows.append(row)
    return Route(request.layer, request.role, tuple(judged), tuple(hops), tuple(rows))


def _hop(candidate: Candidate, request: CallRequest) -> Hop | CandidateRefusal | None:
    usable = candidate.usable
    if usable is None:
        return None
    unfit_request = _unfit_request(usable.model, request)
    if unfit_request is not None:
        return unfit_request
    dropped = ("temperature",) if request.temperature is not None and _refuses(usable, "temperature") else ()
    output = min(usable.max_output_tokens, request.limits.max_output_tokens or usable.max_output_tokens)
    call = WireCall(
        base_url=usable.base_url,
        model_id=candidate.entry.deployment or candidate.entry.model_id,
        messages=request.messages,
        max_output_tokens=output,
        tools=request.tools,
        temperature=None if dropped else request.temperature,
        response_schema=request.response_schema,
        response_schema_name=request.response_schema_name,
    )
    try:
        sent = usable.adapter.build(call)
        fingerprint = request_hash(call.model_id, sent.body, canonical_body=call.is_plain)
    except (TypeError, ValueError, NotCanonical) as error:
        return CandidateRefusal(
            CallReason.BAD_REQUEST, f"the request has no JSON form: {error}", "send text and JSON values only"
        )
    most = bound(
        usable.price,
        input_tokens=len(sent.body),
        max_output_tokens=output,
        eur_per_usd=usable.eur_per_usd,
    )
    own_limit = request.limits.max_cost_eur
    if own_limit is not None and most > nano_from_text(own_limit):
        return CandidateRefusal(
            CallReason.BUDGET_EXCEEDED,
            f"the call may cost {text_from_nano(most)} EUR, its own limit is {own_limit} EUR",
            "raise the call's max_cost_eur or lower its max_output_tokens",
        )
    return Hop(
        candidate=candidate,
        usable=usable,
        request=sent,
        request_hash=fingerprint,
        body_sha256=sha256_hex(sent.body),
        max_output_tokens=output,
        bound_tokens=len(sent.body) + output,
        bound=most,
        dropped=dropped,
    )


def passed_over(
    hop: Hop, *, spent: int, max_cost_eur: str | None, down: frozenset[str]
) -> CandidateRefusal | None:
    """Why a later hop is not taken after the ones before it failed; ``None`` when it is."""
    entry = hop.candidate.entry
    if entry.provider in down:
        return CandidateRefusal(CallReason.PROVIDER_DOWN, f"{entry.provider} just refused our key")
    if max_cost_eur is not None and spent + hop.bound > nano_from_text(max_cost_eur):
        already = text_from_nano(spent)
        return CandidateRefusal(
            CallReason.BUDGET_EXCEEDED, f"{already} EUR of {max_cost_eur} are booked already"
        )
    return None


def request_hash(model_id: str, body: bytes, *, canonical_body: bool) -> str:
    """SHA-256 over the canonical JSON of what is sent, without keys (decision 19).

    The object hashed is ``{"model_id", "sent"}``, because one wire format names the model in the address.
    Numbers with a point stand as text in it and keys in ASCII, as the canonical domain wants;
    ``canonical_body`` says that the body already is in that domain, which spares reading it again.
    """
    if canonical_body:
        return sha256_hex(b'{"model_id":' + orjson.dumps(model_id) + b',"sent":' + body + b"}")
    return digest({"model_id": model_id, "sent": _in_domain(orjson.loads(body))})


def _in_domain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.encode("unicode_escape").decode(): _in_domain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_domain(inner) for inner in value]
    if isinstance(value, float) or (type(value) is int and abs(value) >= 2**53):
        return repr(value)
    return value


def _unfit_request(model: ModelEntry, request: CallRequest) -> CandidateRefusal | None:
    wanted = (("tools", bool(request.tools)), ("response_format", request.response_schema is not None))
    for parameter, asked in wanted:
        if asked and parameter in model.refuses:
            return CandidateRefusal(
                CallReason.ENDPOINT_UNSUPPORTED,
                f"{model.provider}:{model.model_id} does not take {parameter}",
                "ask another slot, or leave it out",
            )
    return None


def _refuses(usable: Usable, parameter: str) -> bool:
    return parameter in usable.model.refuses
