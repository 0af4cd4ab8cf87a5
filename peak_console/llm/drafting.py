"""A call on its way, and the events it leaves behind. Pure but for the ids it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import BaseModel

from peak_console.control.scopes import Subject
from peak_console.domain.calls import Answer, CallReason, CallRequest, Failure, OutcomeClass
from peak_console.domain.drift import GOLD_CASE, OUT_OF_USE
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import CallId, EventId
from peak_console.domain.money import NanoEur, nano_from_text
from peak_console.domain.posture import Posture
from peak_console.domain.vocabulary import OnExhausted, Phase, PhaseLevel
from peak_console.llm import bodies
from peak_console.llm.attempting import Exchange, Resend
from peak_console.llm.bodies import Settled
from peak_console.llm.candidates import Candidate
from peak_console.llm.router import Hop, Route
from peak_console.llm.scoping import ANYTHING, LayerScope, Scoped, left_empty
from peak_console.llm.streamed import Streaming
from peak_console.llm.structured import Invalid
from peak_console.llm.tooling import offered
from peak_console.policy.deny import Denial, deny_echo, deny_redirect

_MISNAMED: Final = frozenset({CallReason.UNEXPECTED_ECHO, CallReason.FORBIDDEN_ECHO})


@dataclass(slots=True)
class Call:
    """One logical call: what is fixed at its start, and what is known of it since."""

    request: CallRequest
    call_id: CallId
    run_id: str
    posture: Posture
    phase: Phase | None
    """``None`` where no lease says it; then nothing is sent."""
    simulated: bool
    started_us: int
    matrix_digest: str = ""
    lock_digest: str = ""
    """Empty where there is no lock."""
    on_exhausted: str = OnExhausted.ABORT.value
    scope: LayerScope = ANYTHING
    scoped: Mapping[str, Any] = field(default_factory=dict)
    """What of its layer's scope stands on the events that ask for it."""
    deadline: float = 0.0
    """On the event loop's clock; over all attempts and candidates."""
    spent: int = 0
    """Nano-EUR booked for hops that failed."""
    events: int = 0
    detached: bool = False
    """Whether the caller leaves as soon as its background work is accepted."""
    shape: type[BaseModel] | None = None
    """What a structured answer is validated against."""
    streaming: Streaming | None = None
    """To whom the answer is handed on as it comes; ``None`` where it is taken whole."""
    parsed: BaseModel | None = None
    invalid: Invalid | None = None
    """The last answer that was not of the shape asked for and may be repaired."""
    resend: Resend | None = None
    """Set while the next hop sends what the hop before did, for nobody answered that."""

    def keep_to(self, scoped: Scoped) -> CallRequest:
        """Go on with the request as the layer's scope lets it go."""
        self.request, self.scoped = scoped.request, {**self.scoped, **scoped.told}
        if self.streaming is not None and scoped.stripped:
            self.streaming = replace(self.streaming, offered=offered(scoped.request))
        return scoped.request

    def event_id(self) -> EventId:
        """A new event's id: the call's own random bits, and a count."""
        self.events += 1
        return EventId(f"ev_{self.call_id[5:]}{self.events:02d}")

    @property
    def level(self) -> PhaseLevel:
        """The rules that hold."""
        return self.phase.level if self.phase else PhaseLevel.RESEARCH

    @property
    def handed_on(self) -> int:
        """Deltas of its answer that a reader has."""
        return self.streaming.handing.count if self.streaming else 0

    def ttft_us(self, since_us: int) -> int | None:
        """Microseconds from ``since_us`` to the first delta handed on; ``None`` where none was."""
        first_us = self.streaming.handing.first_us if self.streaming else None
        return None if first_us is None else first_us - since_us


@dataclass(slots=True)
class Passage:
    """One hop of a call: the ``number``-th send, to ``hop``'s candidate."""

    call: Call
    route: Route
    hop: Hop
    number: int
    started_us: int = 0
    before: Resend | None = None
    """What the hop before left to this one, where it sends the same to the same candidate."""

    @property
    def subject(self) -> Subject:
        """What stops of parts are held against."""
        entry = self.hop.candidate.entry
        return Subject(
            layer=self.call.request.layer.value,
            run_id=self.call.run_id,
            provider=entry.provider,
            model_id=entry.model_id,
            served=entry.layer.value,
            gold_case=self.route.gold_case and entry.position == 0,
        )


def before_send(at: Passage, previous: Failure | None) -> tuple[list[EventDraft], EventDraft]:
    """What is recorded before a send, and which of it is the ``requested``.

    A fallback stands behind it: where the ledger does not admit the hop, none was taken.
    """
    call, hop = at.call, at.hop
    body = bodies.requested(
        hop,
        call.request,
        number=at.number,
        rows=at.route.rows,
        matrix_digest=call.matrix_digest,
        lock_digest=call.lock_digest,
        posture=call.posture.state.value,
        phase=call.phase.value if call.phase else "unknown",
        simulated=call.simulated,
        resend=at.before is not None,
        streamed=at.route.streamed,
    )
    body |= call.scoped
    if at.subject.gold_case:
        body[GOLD_CASE] = True
    first = at.number == 1 and not at.route.refused_by_writer
    drafts = [_denied(call, one, denial, "client") for one, denial in at.route.denials] if first else []
    requested = _draft(call, hop.candidate, EventKind.CALL_REQUESTED, body)
    drafts.append(requested)
    if hop.candidate.entry.position > 0 and not hop.repair and at.before is None:
        drafts.append(_fallback(at, previous))
    return drafts, requested


def _standing(at: Passage) -> dict[str, Any]:
    """What the end of a hop says where its model was put a gold case while quarantined."""
    return {OUT_OF_USE: True} if at.subject.gold_case and at.route.out_of_use else {}


def completed(
    at: Passage, answer: Answer, *, bill: Settled, exchange: Exchange, latency_us: int, answer_sha256: str
) -> EventDraft:
    """``llm.call.completed``, which settles the reservation."""
    body = bodies.completed(
        at.hop,
        answer,
        number=at.number,
        asked_role=at.call.request.role.value,
        bill=bill,
        attempts=exchange.attempts,
        latency_us=latency_us,
        answer_sha256=answer_sha256,
        simulated=at.call.simulated,
        ttft_us=at.call.ttft_us(at.started_us),
        streamed=at.call.streaming is not None,
    )
    if empty := left_empty(at.call.scope, answer):
        body["log_missing"] = list(empty)
    body |= _standing(at)
    return _draft(at.call, at.hop.candidate, EventKind.CALL_COMPLETED, body)


def failed(
    at: Passage,
    failure: Failure,
    *,
    bill: Settled,
    exchange: Exchange,
    latency_us: int,
    goes_on: bool,
) -> list[EventDraft]:
    """``llm.call.failed``, which settles the reservation, after the denial that made it fail, if one did."""
    call, candidate = at.call, at.hop.candidate
    stops = failure.outcome is OutcomeClass.STOP
    body = bodies.failed(
        at.hop,
        failure,
        number=at.number,
        asked_role=call.request.role.value,
        bill=bill,
        attempts=exchange.attempts,
        latency_us=latency_us,
        then="next" if goes_on else "stop" if stops else call.on_exhausted,
        simulated=call.simulated,
        handed_on=call.handed_on,
    )
    body |= _standing(at)
    drafts = [_draft(call, candidate, EventKind.CALL_FAILED, body)]
    if failure.reason is CallReason.FORBIDDEN_ECHO and (denial := deny_echo(failure.model_echo)):
        drafts.insert(0, _denied(call, candidate, denial, "echo"))
    if exchange.location is not None and (denial := deny_redirect(exchange.location)):
        drafts.insert(0, _denied(call, candidate, denial, "redirect"))
    return drafts


def never_sent(at: Passage, reason: CallReason) -> EventDraft:
    """``llm.call.failed`` of a hop whose ``requested`` may stand, and that never left."""
    failure = Failure(reason, OutcomeClass.STOP, "nothing was sent")
    free = Settled(NanoEur(0), "none")
    return failed(at, failure, bill=free, exchange=Exchange(), latency_us=0, goes_on=False)[-1]


def refused(call: Call, reason: str, message: str, remedy: str, route: Route | None) -> list[EventDraft]:
    """``llm.call.refused``: nothing left, and why."""
    body: dict[str, Any] = {
        "hop": 1,
        "asked_layer": call.request.layer.value,
        "asked_role": call.request.role.value,
        "reason": reason,
        "message": message,
        "remedy": remedy,
        "purpose": bodies.shown_purpose(call.request),
        "posture": call.posture.state.value,
        "posture_reasons": list(call.posture.reasons),
        "phase": call.phase.value if call.phase else "unknown",
        "matrix_digest": call.matrix_digest,
        "lock_digest": call.lock_digest,
        "route": list(route.rows) if route else [],
        "simulated": call.simulated,
        **bodies.asked_terms(call.request, streamed=call.streaming is not None),
        **call.scoped,
    }
    first = route.candidates[0] if route else None
    denials = [_denied(call, one, denial, "client") for one, denial in route.denials] if route else []
    if first is not None:
        return [*denials, _draft(call, first, EventKind.CALL_REFUSED, body)]
    asked = call.request
    draft = EventDraft(
        call.event_id(),
        EventKind.CALL_REFUSED,
        body,
        run_id=call.run_id,
        call_id=call.call_id,
        layer=asked.layer.value,
        role=asked.role.value,
    )
    return [draft]


def billed(hop: Hop, answered: Answer | Failure, exchange: Exchange) -> Settled:
    """A hop's bill: an answer without usage costs its bound, for nobody told its price."""
    unknown = isinstance(answered, Answer) or exchange.may_be_billed
    misnamed = isinstance(answered, Failure) and answered.reason in _MISNAMED
    return bodies.settled(hop, answered.usage, may_be_billed=unknown, misnamed=misnamed)


def fits_own_limit(call: Call, hop: Hop) -> bool:
    """Whether ``hop`` may be sent once more under the call's own limit."""
    limit = call.request.limits.max_cost_eur
    return limit is None or call.spent + hop.bound <= nano_from_text(limit)


def _fallback(at: Passage, previous: Failure | None) -> EventDraft:
    """A fallback is never silent: from whom, to whom, and why."""
    entry = at.hop.candidate.entry
    before = at.route.candidates[entry.position - 1]
    reason = previous.reason.value if previous else ""
    if before.refusal is not None:
        reason = before.refusal.reason.value
    elif entry.position - 1 in at.route.cooled:
        reason = CallReason.BREAKER_OPEN.value
    body = {
        "from": {"provider": before.entry.provider, "model_id": before.entry.model_id},
        "to": {"provider": entry.provider, "model_id": entry.model_id},
        "reason": reason,
        "hop": at.number,
        "simulated": at.call.simulated,
    }
    return _draft(at.call, at.hop.candidate, EventKind.FALLBACK_TAKEN, body)


def _denied(call: Call, candidate: Candidate, denial: Denial, where: str) -> EventDraft:
    body = {
        "rule": denial.rule,
        "field": denial.field,
        "subject": denial.subject,
        "where": where,
        "simulated": call.simulated,
    }
    return _draft(call, candidate, EventKind.POLICY_DENIED, body)


def _draft(call: Call, candidate: Candidate, kind: EventKind, body: Mapping[str, Any]) -> EventDraft:
    entry = candidate.entry
    return EventDraft(
        call.event_id(),
        kind,
        body,
        run_id=call.run_id,
        call_id=call.call_id,
        layer=entry.layer.value,
        role=entry.role.value,
        provider=entry.provider,
        model_id=entry.model_id,
    )
