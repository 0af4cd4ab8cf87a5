"""One call's page: its route and why, hops, money, texts, judgements, and its place in the chain."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.freshness import NEVER, Freshness


@dataclass(frozen=True, slots=True)
class RouteStep:
    """A candidate of the route: admitted, or refused by a rule and why. Bound in nano-EUR."""

    position: int
    provider: str
    model_id: str
    role: str
    admitted: bool
    reason: str = ""
    detail: str = ""
    price_source: str = ""
    bound: int | None = None
    lifecycle: str = ""
    input_price: str = ""
    """USD per million tokens, as the price table has it."""
    output_price: str = ""
    breaker: str = ""
    verified: str = ""
    """Its state in the lock of verified models; ``no_lock`` where there is none."""
    estimate: int | None = None
    """About what it could cost at most, in nano-EUR, while it waits and its request is not written."""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a provider took a background call on: where its answer is to be fetched, and until when."""

    seq: int
    at: datetime
    response_id: str
    status: str
    """The provider's word: ``queued`` or ``in_progress``."""
    base_url: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """That a cost booked at its bound was lowered: to what, from what, by whom and why. Nano-EUR."""

    seq: int
    cost: int | None
    was: int | None
    reason: str
    operator: str


@dataclass(frozen=True, slots=True)
class BudgetNote:
    """What the ledger said of a budget at this call: ``warned`` or ``exceeded``, with its figures then."""

    seq: int
    kind: str
    scope: str
    key: str
    unit: str
    spent: str
    reserved: str
    limit: str
    left: str
    """What was left of it then, in ``unit``."""


@dataclass(frozen=True, slots=True)
class DenialLine:
    """A denial by policy: which rule, which field of which candidate, where it was asked."""

    seq: int
    rule: str
    field: str
    subject: str
    where: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One send within a hop; latency in milliseconds."""

    number: int
    reason: str
    status: int | None
    latency_ms: float
    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class HopFacts:
    """One hop: what was asked of whom, what came back, what it cost and by which price."""

    line: CallLine
    requested_seq: int | None = None
    served_model: str | None = None
    unechoed: bool = False
    fingerprint: str | None = None
    finish: str = ""
    detail: str = ""
    tokens: tuple[tuple[str, int], ...] = ()
    bound: int | None = None
    cost_basis: str = ""
    price_source: str = ""
    price_as_of: str = ""
    eur_per_usd: str = ""
    request_id: str | None = None
    base_url: str = ""
    attempts: tuple[AttemptLine, ...] = ()
    tool_calls: tuple[str, ...] = ()
    hosted_calls: int = 0
    """Calls of tools that the provider ran and bills by the piece."""
    ttft_ms: float | None = None
    """Time to the first token of a streamed answer."""
    dropped: tuple[str, ...] = ()
    """Parameters the model refuses, left out of the request."""
    acceptance: Acceptance | None = None
    settlement: Settlement | None = None
    then: str = ""
    """What followed a failure: ``next``, ``stop``, or what the chain's end means."""
    retry_at: datetime | None = None
    """When a breaker that refused the hop lets a probe through."""


@dataclass(frozen=True, slots=True)
class JudgementLine:
    """A critic's word on this call, or this call's word as a critic."""

    seq: int
    verdict: str
    judge: str
    judge_layer: str
    findings: tuple[tuple[str, str, str], ...] = ()
    """Category, severity, rationale."""
    notes: tuple[str, ...] = ()
    judged: str = ""
    """The call that was judged: another one where this call is the critic's own."""


@dataclass(frozen=True, slots=True)
class LoggedText:
    """A request or answer text, found by its hash; ``matches`` says whether the text has that hash."""

    kind: str
    sha256: str
    text: str | None
    matches: bool | None = None
    why: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """An event's place in the chain and what was recomputed there."""

    seq: int
    kind: str
    event_id: str
    hash: str
    prev_hash: str
    body_sha256: str
    header_holds: bool
    body_holds: bool | None
    link_holds: bool | None


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call's page. ``missing`` says in words why there is nothing to show."""

    call_id: str
    run_id: str = ""
    layer: str = ""
    asked_role: str = ""
    prompt: str = ""
    purpose: str = ""
    posture: str = ""
    phase: str = ""
    simulated: bool = False
    matrix_digest: str = ""
    request_hash: str = ""
    actor: str = ""
    asked_at: datetime | None = None
    """When it was first requested, or refused where it never was."""
    hops: tuple[HopFacts, ...] = ()
    route: tuple[RouteStep, ...] = ()
    fallbacks: tuple[str, ...] = ()
    denials: tuple[DenialLine, ...] = ()
    budget_notes: tuple[BudgetNote, ...] = ()
    judgements: tuple[JudgementLine, ...] = ()
    pruned: int = 0
    """Events of it whose details retention dropped."""
    texts: tuple[LoggedText, ...] = ()
    chain: tuple[ChainPlace, ...] = ()
    events: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    budgets: tuple[BudgetLine, ...] = ()
    """The budgets as they stand now, not when the call was made."""
    breakers: tuple[BreakerLine, ...] = ()
    """The breakers as they stand now."""
    freshness: Freshness = NEVER
    told: tuple[str, ...] = ()
    """Who asked, who was chosen and why, and what stood at that moment, in sentences."""
    moment_due: bool = False
    """Whether what stood at that moment is still to be read; the next reading tells it."""
    missing: str = ""
