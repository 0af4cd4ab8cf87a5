"""Step 2 of the road: a call's route, the bytes for each candidate and what they may cost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson

from peak_console.budget.prices import bound
from peak_console.control.scopes import NOTHING, Halts, Subject
from peak_console.domain.calls import CallReason, CallRequest
from peak_console.domain.canonical import NotCanonical, digest, sha256_hex
from peak_console.domain.clock import iso
from peak_console.domain.money import NanoEur, nano_from_text, text_from_nano
from peak_console.llm.candidates import Candidate, CandidateRefusal, Usable
from peak_console.llm.fitting import Terms, agreed, fitted, too_long
from peak_console.net.messages import HttpRequest
from peak_console.policy.breaker import LATCHED_UNTIL_US
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
    repair: bool = False
    """Whether it asks the same candidate again for an answer of the right shape."""


@dataclass(slots=True)
class Route:
    """A call's plan: every candidate with its verdict, in order, and the hop it begins with.

    Every candidate was judged by what the request holds. Later hops are written when they are reached, and
    bound then.
    """

    request: CallRequest
    candidates: list[Candidate]
    rows: list[dict[str, Any]]
    terms: dict[int, Terms] = field(default_factory=dict)
    """On what terms each candidate that may be asked takes the request, by place."""
    first: Hop | None = None
    cooled: dict[int, int] = field(default_factory=dict)
    """Places passed over for an open breaker, each with the moment until which it cools (µs since 1970)."""
    taken: set[int] = field(default_factory=set)
    """Places whose hop was given out: none is asked twice by one call."""
    refused_by_writer: bool = False
    """Whether a refusal of this call stands in the ledger for an open breaker."""
    streamed: bool = False
    """Whether its answer is handed on as it comes."""
    gold_case: bool = False
    """Whether it is a gold case of a canary job: its slot's own model is asked also while quarantined, and
    then nobody stands in."""
    out_of_use: bool = False
    """Whether that model was quarantined when it was reached."""

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

    @property
    def cooling(self) -> dict[tuple[str, str], int]:
        """The models passed over for an open breaker, each with the moment until which it cools."""
        entries = ((self.candidates[place].entry, until) for place, until in self.cooled.items())
        return {(entry.provider, entry.model_id): until for entry, until in entries}

    def cool(self, place: int, until_us: int) -> None:
        """The candidate at ``place`` cools down: it is passed over, and may be asked later."""
        self.taken.discard(place)
        self.cooled[place] = until_us
        latched = until_us >= LATCHED_UNTIL_US
        why = "latched" if latched else f"open until {moment_us(until_us)}"
        said = "a bill was above its bound" if latched else "it failed too often lately"
        self.rows[place] |= {
            "admitted": False,
            "reason": CallReason.BREAKER_OPEN.value,
            "detail": f"{said}: {why}",
            "breaker": why,
        }

    def refuse(self, place: int, refusal: CandidateRefusal) -> None:
        """The candidate at ``place`` is not asked by this call, whatever becomes of the others."""
        before = self.candidates[place]
        self.candidates[place] = Candidate(before.entry, None, refusal, before.lifecycle, before.standing)
        self.rows[place] = self.candidates[place].row()

    def _halted(self, place: int, halts: Halts) -> bool:
        """Whether the candidate at ``place`` is halted; it is refused then, for this call."""
        entry = self.candidates[place].entry
        own = self.gold_case and place == 0
        self.out_of_use |= own and halts.out_of_use(entry.provider, entry.model_id)
        halt = halts.of(
            Subject(
                layer=self.request.layer.value,
                run_id=self.request.run_id or "",
                provider=entry.provider,
                model_id=entry.model_id,
                served=entry.layer.value,
                gold_case=own,
            )
        )
        if halt is not None:
            refusal = CandidateRefusal(halt.reason, halt.words, halt.remedy)
        elif self._alone(place, halts):
            refusal = CandidateRefusal(
                CallReason.MODEL_QUARANTINED, "nobody stands in where a quarantined model is put a gold case"
            )
        else:
            return False
        self.cooled.pop(place, None)
        self.refuse(place, refusal)
        return True

    def _alone(self, place: int, halts: Halts) -> bool:
        """Whether the gold case is its own model's only, for that is quarantined."""
        own = self.candidates[0].entry
        return self.gold_case and place > 0 and halts.out_of_use(own.provider, own.model_id)

    def after(
        self,
        position: int,
        *,
        spent: int = 0,
        down: frozenset[str] = frozenset(),
        cooling: Mapping[tuple[str, str], int] = MappingProxyType({}),
        halts: Halts = NOTHING,
    ) -> Hop | None:
        """The next hop behind ``position`` (-1 for the first); ``None`` at the chain's end.

        ``spent`` is what the hops before cost, in nano-EUR; providers in ``down`` are passed over, and so are
        models that are ``cooling`` (until when, in µs since 1970) or halted. Why a candidate is passed over
        is noted in its row, which later events of the call carry.
        """
        for place in range(position + 1, len(self.candidates)):
            candidate = self.candidates[place]
            if candidate.usable is None or place in self.taken:
                continue
            if halts and self._halted(place, halts):
                continue
            until_us = cooling.get((candidate.entry.provider, candidate.entry.model_id))
            if until_us is not None:
                self.cool(place, until_us)
                continue
            made = _hop(
                candidate,
                candidate.usable,
                self.request,
                self.terms[place],
                spent=spent,
                down=down,
                streamed=self.streamed,
            )
            self.cooled.pop(place, None)
            if isinstance(made, Hop):
                self.taken.add(place)
                self.rows[place] = candidate.row() | {
                    "bound_eur": text_from_nano(made.bound),
                    "breaker": "closed",
                }
                return made
            self.refuse(place, made)
        return None

    def repair(
        self, hop: Hop, request: CallRequest, *, spent: int, down: frozenset[str] = frozenset()
    ) -> Hop | None:
        """The candidate of ``hop`` once more, with ``request``, which says what was wrong with its answer."""
        terms = agreed(hop.candidate, hop.usable, request, streamed=self.streamed)
        if isinstance(terms, CandidateRefusal):
            return None
        made = _hop(hop.candidate, hop.usable, request, terms, spent=spent, down=down, streamed=self.streamed)
        return replace(made, repair=True) if isinstance(made, Hop) else None


def plan(
    candidates: Sequence[Candidate],
    request: CallRequest,
    *,
    cooling: Mapping[tuple[str, str], int] = MappingProxyType({}),
    halts: Halts = NOTHING,
    streamed: bool = False,
    gold_case: bool = False,
) -> Route:
    """The route of ``request`` over surveyed candidates; ``cooling`` and ``halts`` as :meth:`Route.after`.

    A ``streamed`` call goes only where answers can be handed on as they come. Who takes no such request is
    refused here, also one who cools down: nobody waits for a model that could not be asked then.
    """
    rows = [one.row() for one in candidates]
    route = Route(request, list(candidates), rows, streamed=streamed, gold_case=gold_case)
    least = least_input(request)
    for place, candidate in enumerate(candidates):
        if candidate.usable is None:
            continue
        terms = agreed(candidate, candidate.usable, request, streamed=streamed, least_input=least)
        if isinstance(terms, CandidateRefusal):
            route.refuse(place, terms)
        else:
            route.terms[place] = terms
    route.first = route.after(-1, cooling=cooling, halts=halts)
    _estimate(route, least)
    return route


def least_input(request: CallRequest) -> int:
    """Bytes that the request holds in any wire format: its messages' contents, without what stands around."""
    contents = (message.content for message in request.messages)
    return sum(len(one) if one.isascii() else len(one.encode("utf-8", "replace")) for one in contents)


def _estimate(route: Route, least: int) -> None:
    """Note in the rows of usable candidates that have no bound yet about what they could cost at most.

    Their own requests are not written before they are reached, so the input is taken as long as that of the
    first hop's, or as the messages'.
    """
    size = len(route.first.request.body) if route.first else least
    for place, candidate in enumerate(route.candidates):
        usable, row = candidate.usable, route.rows[place]
        if usable is None or "bound_eur" in row:
            continue
        terms = route.terms[place]
        most = bound(
            usable.price,
            input_tokens=size + terms.hosted_tokens,
            max_output_tokens=terms.max_output_tokens,
            eur_per_usd=usable.eur_per_usd,
            hosted_calls=terms.hosted_calls,
        )
        row["estimate_eur"] = text_from_nano(most)
        row.setdefault("breaker", "closed")


def _hop(
    candidate: Candidate,
    usable: Usable,
    request: CallRequest,
    terms: Terms,
    *,
    spent: int,
    down: frozenset[str],
    streamed: bool = False,
) -> Hop | CandidateRefusal:
    entry = candidate.entry
    if entry.provider in down:
        return CandidateRefusal(CallReason.PROVIDER_DOWN, f"{entry.provider} refused our key lately")
    call, dropped = fitted(candidate, usable, request, terms, streamed=streamed)
    try:
        sent = usable.adapter.build(call)
        fingerprint = request_hash(call.model_id, sent.body, canonical_body=call.is_plain)
    except (TypeError, ValueError, NotCanonical) as error:
        return CandidateRefusal(
            CallReason.BAD_REQUEST,
            f"the request cannot be written: {error}",
            "send text and JSON values only",
        )
    refusal = too_long(candidate, usable, terms, len(sent.body))
    if refusal is not None:
        return refusal
    read = len(sent.body) + terms.hosted_tokens
    most = bound(
        usable.price,
        input_tokens=read,
        max_output_tokens=terms.max_output_tokens,
        eur_per_usd=usable.eur_per_usd,
        hosted_calls=terms.hosted_calls,
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
        max_output_tokens=terms.max_output_tokens,
        bound_tokens=read + terms.max_output_tokens,
        bound=most,
        dropped=dropped,
    )


def moment_us(us: int) -> str:
    """A moment in microseconds since 1970 as every stored time is written."""
    return iso(datetime.fromtimestamp(us / 1_000_000, UTC))


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
