"""Which slot judges whose output, and when (decisions 5 and 8). Pure.

To escalate *to a critic* is always allowed and needs no arming. L3 is judged whatever a file says, and so is
L2 by the policy critic from shadow on: a file can ask for more judging, not for less.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role


class CriticMode(StrEnum):
    """When a layer's critic is asked."""

    ALWAYS = "always"
    ON_ESCALATION = "on_escalation"
    SAMPLED = "sampled"


@dataclass(frozen=True, slots=True)
class CriticPolicy:
    """A layer's ``critic_policy``; ``rate`` is the sampled share in (0, 1], zero for the other modes."""

    mode: CriticMode
    rate: Decimal = Decimal(0)

    @classmethod
    def of(cls, text: str) -> "CriticPolicy":
        """``always``, ``on_escalation`` or ``sampled:<rate>``; raises ``ConfigInvalid`` for anything else."""
        mode, _, rate = text.partition(":")
        if mode == CriticMode.SAMPLED:
            return cls(CriticMode.SAMPLED, _rate(rate, text))
        if rate or text not in set(CriticMode):
            raise _invalid(text)
        return cls(CriticMode(text))


class Escalation(StrEnum):
    """Why an output is put before a critic that would not have been asked otherwise."""

    LOW_CONFIDENCE = "low_confidence"
    MALFORMED = "malformed"
    SCOPE_DOUBT = "scope_doubt"
    COST_SHARE = "cost_share"
    ASKED_FOR = "asked_for"


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of an output when the question is whether to escalate it."""

    low_confidence: bool = False
    malformed: bool = False
    scope_doubt: bool = False
    cost_share_pct: Decimal | None = None
    """The call's cost as a share of its budget, in percent."""
    asked_for: bool = False


def escalations(signals: Signals, cost_share_limit_pct: Decimal) -> tuple[Escalation, ...]:
    """The reasons to escalate to a critic, in the order of :class:`Escalation`."""
    dear = signals.cost_share_pct is not None and signals.cost_share_pct > cost_share_limit_pct
    held = {
        Escalation.LOW_CONFIDENCE: signals.low_confidence,
        Escalation.MALFORMED: signals.malformed,
        Escalation.SCOPE_DOUBT: signals.scope_doubt,
        Escalation.COST_SHARE: dear,
        Escalation.ASKED_FOR: signals.asked_for,
    }
    return tuple(reason for reason, holds in held.items() if holds)


class Lens(StrEnum):
    """What a judge looks at."""

    CONTENT = "content"
    """Content, hallucination, format: a layer's own critic."""
    POLICY = "policy"
    """Policy, risk, scope, separation of duties: L4's primary."""
    VERDICT = "verdict"
    """A verdict of L4 itself: L4's critic."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A slot that is asked to judge: call it as ``(layer, role)``."""

    layer: Layer
    role: Role
    lens: Lens


POLICY_CRITIC = Judge(Layer.L4, Role.PRIMARY, Lens.POLICY)
VERDICT_CRITIC = Judge(Layer.L4, Role.CRITIC, Lens.VERDICT)

_OWN_CRITIC = frozenset({Layer.L0, Layer.L1, Layer.L2})


def who_judges(
    layer: Layer,
    phase: PhaseLevel,
    policy: CriticPolicy,
    *,
    call_id: str,
    escalated: bool = False,
    service: Layer | None = None,
) -> tuple[Judge, ...]:
    """The judges of an output of ``layer``, in the order in which they are asked.

    ``service`` is the layer that serves as this layer's critic (``[L3.critic] service = "L4"``), ``None``
    where it has a critic slot of its own. L4's own verdicts are :func:`second_opinion`'s; L5 and L6 produce
    nothing that a model judges.
    """
    if layer is Layer.L3:
        return (_served(layer, service, Lens.POLICY),)
    if layer not in _OWN_CRITIC:
        return ()
    judges = (_served(layer, service, Lens.CONTENT),) if _due(policy, call_id, escalated=escalated) else ()
    if layer is Layer.L2 and phase.at_least(PhaseLevel.SHADOW) and POLICY_CRITIC not in judges:
        judges = (*judges, POLICY_CRITIC)
    return judges


def second_opinion(
    verdict: Verdict, policy: CriticPolicy, *, call_id: str, order_path: bool, escalated: bool = False
) -> Judge | None:
    """Who judges a verdict of L4: its critic, for every PASS on an order path, and as L4's policy says."""
    if (order_path and verdict is Verdict.PASS) or _due(policy, call_id, escalated=escalated):
        return VERDICT_CRITIC
    return None


def settled(first: Verdict, second: Verdict) -> Verdict:
    """A verdict after the opinion ``second`` on it: REVIEW where that disagrees; FAIL is never loosened."""
    if second is Verdict.PASS or first is Verdict.FAIL:
        return first
    return Verdict.REVIEW


def strictest(verdicts: list[Verdict]) -> Verdict | None:
    """The strictest of several verdicts on one output; ``None`` where nobody judged."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=None)


def sampled(call_id: str, rate: Decimal) -> bool:
    """Whether a call belongs to the sample of ``rate``: decided by its id, so that a replay decides alike."""
    place = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8], "big")
    return place < rate * 2**64


def _due(policy: CriticPolicy, call_id: str, *, escalated: bool) -> bool:
    if policy.mode is CriticMode.ALWAYS or escalated:
        return True
    return policy.mode is CriticMode.SAMPLED and sampled(call_id, policy.rate)


def _served(layer: Layer, service: Layer | None, lens: Lens) -> Judge:
    if service is None:
        return Judge(layer, Role.CRITIC, lens)
    return POLICY_CRITIC if service is Layer.L4 else Judge(service, Role.PRIMARY, lens)


def _rate(rate: str, text: str) -> Decimal:
    try:
        share = Decimal(rate)
    except InvalidOperation:
        raise _invalid(text) from None
    if not share.is_finite() or not 0 < share <= 1:
        raise _invalid(text)
    return share


def _invalid(text: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"critic_policy {text[:60]!r} is not known",
        code="critic_policy",
        remedy="write always, on_escalation or sampled:<rate> with 0 < rate <= 1",
    )
