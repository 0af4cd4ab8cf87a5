"""From a reason to the error a caller sees. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from peak_console.control.scopes import Halt
from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.errors import (
    BudgetExceeded,
    CallFailed,
    CallRefused,
    ControlRefused,
    PeakError,
    PolicyDenied,
)
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import text_from_nano
from peak_console.domain.posture import Posture, PostureReason
from peak_console.llm.bodies import Settled
from peak_console.llm.reasons import MEANINGS

_POLICY: Final = frozenset(
    {
        CallReason.FORBIDDEN_PROVIDER,
        CallReason.FORBIDDEN_MODEL,
        CallReason.FORBIDDEN_BASE_URL,
        CallReason.FORBIDDEN_ECHO,
        CallReason.PROVIDER_NOT_ALLOWED,
    }
)
_BUDGET: Final = frozenset({CallReason.BUDGET_EXCEEDED, CallReason.BUDGET_ZERO, CallReason.BUDGET_MISSING})
_CONTROL: Final = frozenset({CallReason.POSTURE, CallReason.STOPPED, CallReason.SCOPE_STOPPED})

_LAPSED: Final = frozenset({PostureReason.LAPSED.value, PostureReason.LEASE_MISSING.value})


def refusal_error(reason: str, message: str, remedy: str = "", **details: Any) -> PeakError:
    """The error of a call that was refused before anything left."""
    return _kind(reason, CallRefused)(message, code=reason, remedy=remedy, **details)


def refused_by_posture(posture: Posture) -> ControlRefused:
    """The error of a call that the posture does not permit."""
    why = ", ".join(posture.reasons) or "no reason given"
    lapsed = not _LAPSED.isdisjoint(posture.reasons)
    remedy = "start the node: peak node start" if lapsed else MEANINGS[CallReason.POSTURE].remedy
    return ControlRefused(
        f"calls are not permitted now: {posture.state} ({why})",
        code=CallReason.POSTURE,
        remedy=remedy,
        state=posture.state.value,
        reasons=list(posture.reasons),
    )


def refused_by_halt(halt: Halt) -> ControlRefused:
    """The error of a call that a stop of a part covers as a whole."""
    return ControlRefused(
        f"calls of this {halt.scope.partition(':')[0]} are not permitted now: {halt.words}",
        code=halt.reason,
        remedy=halt.remedy,
        scope=halt.scope,
    )


def refused_by_ledger(refusal: Refusal) -> PeakError:
    """The error of a call whose reservation the ledger's writer refused."""
    return refusal_error(refusal.code, refusal.message, refusal.remedy, **refusal.details)


class ProviderUnreachable(CallFailed):
    """No provider of the chain could be reached: nothing left. For the command line an unfit environment."""

    default_code = CallReason.PROVIDER_UNREACHABLE.value
    why = "no provider could be reached, so nothing was sent"
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Ended:
    """A hop that gave no usable answer; ``reached`` says whether any attempt reached its provider."""

    provider: str
    model_id: str
    failure: Failure
    reached: bool = True
    bill: Settled | None = None
    """What is booked for it."""

    def __str__(self) -> str:
        return f"{self.provider}:{self.model_id} {self.failure.reason.value}"

    def row(self) -> dict[str, Any]:
        """The hop as JSON."""
        return {
            "provider": self.provider,
            "model_id": self.model_id,
            "reason": self.failure.reason.value,
            "detail": self.failure.detail,
            "reached": self.reached,
            **self._booked(),
        }

    def _booked(self) -> dict[str, Any]:
        if self.bill is None:
            return {}
        return {"cost_eur": text_from_nano(self.bill.cost), "cost_basis": self.bill.basis}


def failure_error(
    hops: Sequence[Ended], *, call_id: str, on_exhausted: str, own_time: bool = False, **details: Any
) -> PeakError:
    """The error of a call that got no usable answer; ``hops`` are how its hops ended, in order.

    A chain none of whose providers was reached has the code ``provider_unreachable``, another one of several
    that ended ``exhausted``; a single hop, one that stops, or one that was sent again and again, its reason.
    ``own_time`` says that the call allowed itself less time than the matrix does.
    """
    last = hops[-1].failure
    details |= {
        "call_id": call_id,
        "reasons": [hop.failure.reason.value for hop in hops],
        "hops": [hop.row() for hop in hops],
    }
    named = ", ".join(map(str, hops))
    if all(hop.failure.reason is CallReason.CONNECT_ERROR and not hop.reached for hop in hops):
        return ProviderUnreachable(
            f"call {call_id} reached no provider: {named}: {last.detail}",
            remedy=MEANINGS[CallReason.PROVIDER_UNREACHABLE].remedy,
            on_exhausted=on_exhausted,
            **details,
        )
    if last.outcome is OutcomeClass.STOP or len(set(map(str, hops))) == 1:
        message = f"call {call_id} failed: {named}: {last.detail or last.reason.value}"
        return _kind(last.reason, CallFailed)(
            message, code=last.reason, remedy=_remedy(last, own_time=own_time), **details
        )
    return CallFailed(
        f"call {call_id}: no candidate answered: {named}",
        code=CallReason.EXHAUSTED,
        remedy=MEANINGS[CallReason.EXHAUSTED].remedy.replace("CALL", call_id),
        on_exhausted=on_exhausted,
        **details,
    )


def refused_midway(error: PeakError, hops: Sequence[Ended], *, call_id: str) -> PeakError:
    """``error``, which kept the next hop of a call from leaving, with what was sent before it.

    A refusal says of itself that nothing was sent: where something was, it is a failed call.
    """
    error.details["call_id"] = call_id
    if not hops:
        return error
    error.details["hops"] = [hop.row() for hop in hops]
    error.message = f"{error.message}; sent before that: {', '.join(map(str, hops))}"
    error.args = (error.message,)
    if not isinstance(error, CallRefused):
        return error
    return CallFailed(error.message, code=error.code, remedy=error.remedy, **error.details)


def _kind(reason: str, default: type[PeakError]) -> type[PeakError]:
    if reason in _POLICY:
        return PolicyDenied
    if reason in _BUDGET:
        return BudgetExceeded
    return ControlRefused if reason in _CONTROL else default


def _remedy(failed: Failure, *, own_time: bool) -> str:
    if own_time and failed.reason in {CallReason.TIMEOUT, CallReason.DEADLINE}:
        return "raise the call's timeout_s, or ask for less output"
    return MEANINGS[failed.reason].remedy
