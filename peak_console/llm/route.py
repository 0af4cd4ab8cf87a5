"""A dry run of a call's route: who would be asked and why, and how the fallback would go. Calls nobody."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.control.scopes import NOTHING, Halt, Halts, Subject
from peak_console.domain.calls import CallLimits, CallReason, CallRequest, Message, OutcomeClass
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import CandidateRefusal, Facts, survey
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.providers.failing import failure
from peak_console.llm.router import Hop, Route, plan

_NEXT, _STOP = OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP

NAMED_FAILURES: Final[Mapping[str, tuple[CallReason, OutcomeClass]]] = MappingProxyType(
    {
        "timeout": (CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS),
        "lost": (CallReason.CONNECTION_LOST, OutcomeClass.AMBIGUOUS),
        "connect": (CallReason.CONNECT_ERROR, OutcomeClass.RETRY_HERE),
        "rate_limit": (CallReason.RATE_LIMITED, OutcomeClass.RETRY_HERE),
        "overloaded": (CallReason.OVERLOADED, OutcomeClass.RETRY_HERE),
        "server_error": (CallReason.SERVER_ERROR, OutcomeClass.RETRY_HERE),
        "malformed": (CallReason.MALFORMED, _NEXT),
        "model_gone": (CallReason.MODEL_NOT_FOUND, _NEXT),
        "auth": (CallReason.AUTHENTICATION, _NEXT),
        "other_model": (CallReason.UNEXPECTED_ECHO, _NEXT),
        "quota": (CallReason.QUOTA_EXHAUSTED, _STOP),
        "filter": (CallReason.CONTENT_FILTER, _STOP),
        "redirect": (CallReason.REDIRECT, _STOP),
        "forbidden_echo": (CallReason.FORBIDDEN_ECHO, _STOP),
        "cut": (CallReason.STREAM_CUT, OutcomeClass.AMBIGUOUS),
        "background_lost": (CallReason.BACKGROUND_LOST, OutcomeClass.AMBIGUOUS),
        "breaker": (CallReason.BREAKER_OPEN, _NEXT),
    }
)
"""Failures that ``--fail`` knows by name, besides HTTP statuses."""


@dataclass(frozen=True, slots=True)
class SimulatedFailure:
    """That a provider, or one of its models, fails in a way."""

    provider: str
    model_id: str | None
    how: str
    reason: CallReason
    outcome: OutcomeClass

    @property
    def who(self) -> str:
        """``openai`` or ``openai/gpt-5-mini``."""
        return f"{self.provider}/{self.model_id}" if self.model_id else self.provider

    def hits(self, provider: str, model_id: str) -> bool:
        """Whether a candidate fails so."""
        return provider == self.provider and self.model_id in {None, model_id}


@dataclass(frozen=True, slots=True)
class Step:
    """What would happen at one candidate: ``answers``, ``retried``, ``next``, ``stop``, ``refused``."""

    provider: str
    model_id: str
    happens: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A route, and what would come of it.

    ``ends`` is ``answered``, ``failed``, ``cooling`` (nobody is left but who cools down: the call waits for
    the first while that fits its deadline), or what the chain's end means.
    """

    layer: Layer
    role: Role
    rows: tuple[Mapping[str, Any], ...]
    steps: tuple[Step, ...] = ()
    ends: str = ""
    failures: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The explanation as JSON."""
        return {
            "layer": self.layer.value,
            "role": self.role.value,
            "candidates": [dict(row) for row in self.rows],
            "steps": [
                {
                    "provider": step.provider,
                    "model_id": step.model_id,
                    "happens": step.happens,
                    "reason": step.reason,
                    "detail": step.detail,
                }
                for step in self.steps
            ],
            "ends": self.ends,
            "failures": list(self.failures),
        }


def parse_failure(text: str) -> SimulatedFailure:
    """``openai:timeout``, ``openai/gpt-5-mini:429``: who fails, and how; raises ``UsageWrong``."""
    who, _, how = text.rpartition(":")
    provider, _, model_id = who.partition("/")
    if how in NAMED_FAILURES:
        reason, outcome = NAMED_FAILURES[how]
    elif re.fullmatch(r"[345][0-9]{2}", how):
        failed = failure(int(how), {})
        reason, outcome = failed.reason, failed.outcome
    else:
        raise UsageWrong(
            f"{text!r:.80} names no failure",
            remedy=f"write PROVIDER[/MODEL]:HOW with an HTTP status or one of {', '.join(NAMED_FAILURES)}",
        )
    if not provider:
        raise UsageWrong(f"{text!r:.80} names no provider", remedy="for example: openai:timeout")
    return SimulatedFailure(provider, model_id or None, how, reason, outcome)


def explain(
    configs: Configs,
    layer: Layer,
    role: Role,
    *,
    today: date,
    now: datetime | None = None,
    phase: PhaseLevel = PhaseLevel.RESEARCH,
    simulated: bool = False,
    base_urls: Mapping[str, str] | None = None,
    addresses: Mapping[str, str] | None = None,
    keys: frozenset[str] | None = None,
    signing_only: frozenset[str] = frozenset(),
    real_keys: frozenset[str] = frozenset(),
    failures: Sequence[SimulatedFailure] = (),
    prompt: str = "x" * 1000,
    max_output_tokens: int | None = None,
    cooling: Mapping[tuple[str, str], int] = MappingProxyType({}),
    halts: Halts = NOTHING,
) -> Explanation:
    """The plan of a call of ``prompt`` in this slot, and how it would go if ``failures`` happened.

    ``keys`` are the providers with a key; ``None`` takes them all as set, so that a plan can be read without
    secrets; ``signing_only`` are those of them that have AWS access keys alone;
    ``real_keys`` are those that a simulated workspace was given. Bounds are those of ``prompt``.
    ``now`` is the moment by which the lock holds; ``None``: the beginning of ``today``, UTC.
    ``cooling`` are the models whose breakers are open, and until when (µs since 1970): they are passed over,
    and so is what ``halts`` names: of a stopped layer every candidate.
    Raises ``CallRefused`` for L5, L6 and an empty slot, ``UsageWrong`` for a failure of no candidate.
    """
    everyone = frozenset(adapter.provider for adapter in ADAPTERS.values())
    facts = Facts(
        today=today,
        now=now,
        phase=phase,
        simulated=simulated,
        base_urls=base_urls,
        addresses=addresses,
        keys=everyone if keys is None else keys,
        signing_only=signing_only,
        real_keys=real_keys,
    )
    request = _request(layer, role, prompt, max_output_tokens)
    route = plan(survey(configs, layer, role, facts), request, cooling=cooling, halts=halts)
    halted = halts.of_call(Subject(layer.value))
    if halted is not None:
        _all_halted(route, halted)
    hops = _hops(route, cooling, halts)
    on_exhausted = configs.matrix.settings(layer, phase).on_exhausted.value
    _all_hit(route.rows, failures)
    steps, ends = _walk(route.rows, hops, failures, on_exhausted)
    _priced(route.rows, configs, today)
    _with_remedies(route)
    named = tuple(f"{one.who}:{one.how}" for one in failures)
    return Explanation(layer, role, tuple(route.rows), tuple(steps), ends, named)


def _request(layer: Layer, role: Role, prompt: str, max_output_tokens: int | None) -> CallRequest:
    return CallRequest(
        layer=layer,
        role=role,
        messages=(Message(role="user", content=prompt),),
        limits=CallLimits(max_output_tokens=max_output_tokens),
    )


def _hops(route: Route, cooling: Mapping[tuple[str, str], int], halts: Halts) -> dict[int, Hop]:
    """Each hop that would be taken if all before it failed, by its place in the chain."""
    hops = {}
    hop = route.first
    while hop is not None:
        hops[hop.candidate.entry.position] = hop
        hop = route.after(hop.candidate.entry.position, cooling=cooling, halts=halts)
    return hops


def _all_halted(route: Route, halted: Halt) -> None:
    """Its layer is stopped: whatever else keeps a candidate out, that comes first."""
    route.first = None
    for place in range(len(route.candidates)):
        route.refuse(place, CandidateRefusal(halted.reason, halted.words, halted.remedy))


def _priced(rows: Sequence[dict[str, Any]], configs: Configs, today: date) -> None:
    """The prices of those who were refused too, where there are any: a person compares them."""
    for row in rows:
        price = configs.prices.find(row["provider"], row["model_id"], today)
        if price is not None and "input_usd_per_mtok" not in row:
            row["input_usd_per_mtok"] = str(price.input_usd_per_mtok)
            row["output_usd_per_mtok"] = str(price.output_usd_per_mtok)
            row["price_source"] = price.source


def _with_remedies(route: Route) -> None:
    """What would let a refused candidate in, for who reads the plan; events do without it."""
    for candidate, row in zip(route.candidates, route.rows, strict=True):
        if candidate.refusal is not None and candidate.refusal.remedy and not row["admitted"]:
            row["remedy"] = candidate.refusal.remedy


def _all_hit(rows: Sequence[Mapping[str, Any]], failures: Sequence[SimulatedFailure]) -> None:
    """A failure of somebody who is not in the chain is a slip of the pen; raises ``UsageWrong``."""
    names = [(row["provider"], row["model_id"]) for row in rows]
    for one in failures:
        if not any(one.hits(*name) for name in names):
            raise UsageWrong(
                f"{one.who!r:.80} is no candidate here, so it cannot fail",
                remedy=f"name one of: {', '.join('/'.join(name) for name in names)}",
            )


def _walk(
    rows: Sequence[Mapping[str, Any]],
    hops: Mapping[int, Hop],
    failures: Sequence[SimulatedFailure],
    on_exhausted: str,
) -> tuple[list[Step], str]:
    steps: list[Step] = []
    down: set[str] = set()
    cooled = False
    for position, row in enumerate(rows):
        provider, model_id = row["provider"], row["model_id"]
        if position not in hops:
            cooled = cooled or row["reason"] == CallReason.BREAKER_OPEN
            steps.append(Step(provider, model_id, "refused", row["reason"], row["detail"]))
            continue
        if provider in down:
            steps.append(Step(provider, model_id, "refused", CallReason.PROVIDER_DOWN, "it refused our key"))
            continue
        failed = next((one for one in failures if one.hits(provider, model_id)), None)
        if failed is None:
            steps.append(Step(provider, model_id, "answers", "ok", "as a fallback" if position else ""))
            return steps, "answered"
        if failed.reason is CallReason.BREAKER_OPEN:
            cooled = True
            steps.append(Step(provider, model_id, "refused", failed.reason, "its breaker is open"))
            continue
        if failed.outcome is OutcomeClass.RETRY_HERE:
            steps.append(
                Step(provider, model_id, "retried", failed.reason, "until attempts or time are spent")
            )
        if failed.outcome is _STOP:
            steps.append(Step(provider, model_id, "stop", failed.reason, "no other candidate can mend it"))
            return steps, "failed"
        if failed.reason in {CallReason.AUTHENTICATION, CallReason.PERMISSION}:
            down.add(provider)
        spent = "spent at its bound" if failed.outcome is OutcomeClass.AMBIGUOUS else ""
        steps.append(Step(provider, model_id, "next", failed.reason, spent))
    return steps, "cooling" if cooled else on_exhausted
