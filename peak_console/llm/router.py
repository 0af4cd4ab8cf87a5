"""Step 2 of the road: a call's route, the bytes for each candidate and what they may cost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from peak_console.budget.prices import bound
from peak_console.domain.calls import CallReason, CallRequest
from peak_console.domain.canonical import NotCanonical, digest, sha256_hex
from peak_console.domain.money import NanoEur, nano_from_text, text_from_nano
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


@dataclass(slots=True)
class Route:
    """A call's plan: every candidate with its verdict, in order, and the hop it begins with.

    Later hops are made when they are reached, and their candidates judged once more then.
    """

    request: CallRequest
    candidates: list[Candidate]
    rows: list[dict[str, Any]]
    first: Hop | None = None

    @property
    def refusal(self) -> CandidateRefusal | None:
        """Why nobody can be asked: the first candidate's reason; ``None`` when there is a hop."""
        if self.first is not None:
            return None
        return next((one.refusal for one in self.candidates if one.refusal), None)

    @property
    def denials(self) -> list[tuple[Candidate, Denial]]:
        """The candidates the policy refused."""
        found = ((one, one.refusal.denial) for one in self.candidates if one.refusal)
        return [(one, denial) for one, denial in found if denial is not None]

    def after(self, position: int, *, spent: int = 0, down: frozenset[str] = frozenset()) -> Hop | None:
        """The next hop behind ``position`` (-1 for the first); ``None`` at the chain's end.

        ``spent`` is what the hops before cost, in nano-EUR; providers in ``down`` are passed over. Why a
        candidate is passed over is noted in its row, which later events of the call carry.
        """
        for place in range(position + 1, len(self.candidates)):
            candidate = self.candidates[place]
            if candidate.usable is None:
                continue
            made = _hop(candidate, candidate.usable, self.request, spent=spent, down=down)
            if isinstance(made, Hop):
                self.rows[place]["bound_eur"] = text_from_nano(made.bound)
                return made
            self.candidates[place] = Candidate(candidate.entry, None, made, candidate.lifecycle)
            self.rows[place] = self.candidates[place].row()
        return None


def plan(candidates: Sequence[Candidate], request: CallRequest) -> Route:
    """The route of ``request`` over surveyed candidates."""
    route = Route(request, list(candidates), [one.row() for one in candidates])
    route.first = route.after(-1)
    return route


def _hop(
    candidate: Candidate, usable: Usable, request: CallRequest, *, spent: int, down: frozenset[str]
) -> Hop | CandidateRefusal:
    refusal = _unfit(candidate, usable, request, down)
    if refusal is not None:
        return refusal
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
    if own_limit is not None and spent + most > nano_from_text(own_limit):
        return CandidateRefusal(
            CallReason.BUDGET_EXCEEDED,
            f"{text_from_nano(spent)} EUR are booked, {text_from_nano(most)} EUR may come; "
            f"the call's own limit is {own_limit} EUR",
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


def _unfit(
    candidate: Candidate, usable: Usable, request: CallRequest, down: frozenset[str]
) -> CandidateRefusal | None:
    """Why this request cannot go to this candidate, whoever else it may go to."""
    provider, name = candidate.entry.provider, f"{candidate.entry.provider}:{candidate.entry.model_id}"
    if provider in down:
        return CandidateRefusal(CallReason.PROVIDER_DOWN, f"{provider} refused our key lately")
    asked = (("tools", bool(request.tools)), ("response_format", request.response_schema is not None))
    for parameter, wanted in asked:
        if wanted and _refuses(usable, parameter):
            return CandidateRefusal(
                CallReason.ENDPOINT_UNSUPPORTED, f"{name} does not take {parameter}", "ask another slot"
            )
    return None


def _refuses(usable: Usable, parameter: str) -> bool:
    return parameter in usable.model.refuses
