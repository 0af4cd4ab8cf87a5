"""From a reason to the error a caller sees. Pure."""

from collections.abc import Sequence
from typing import Any, Final

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
from peak_console.domain.posture import Posture, PostureReason
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
_CONTROL: Final = frozenset({CallReason.POSTURE, CallReason.STOPPED})

_LAPSED: Final = frozenset({PostureReason.LAPSED.value, PostureReason.LEASE_MISSING.value})


def refusal_error(reason: str, message: str, remedy: str = "", **details: Any) -> PeakError:
    """The error of a call that was refused before anything left."""
    return _kind(reason, CallRefused)(message, code=reason, remedy=remedy, **details)


def refused_by_posture(posture: Posture) -> ControlRefused:
    """The error of a call that the posture does not permit."""
    why = ", ".join(posture.reasons) or "no reason given"
    lapsed = not _LAPSED.isdisjoint(posture.reasons)
    remedy = "start the node: peak node start" if lapsed else "see why: peak status; open it: peak enable"
    return ControlRefused(
        f"calls are not permitted now: {posture.state} ({why})",
        code=CallReason.POSTURE,
        remedy=remedy,
        state=posture.state.value,
        reasons=list(posture.reasons),
    )


def refused_by_ledger(refusal: Refusal) -> PeakError:
    """The error of a call whose reservation the ledger's writer refused."""
    return refusal_error(refusal.code, refusal.message, refusal.remedy, **refusal.details)


def failure_error(failures: Sequence[Failure], *, on_exhausted: str, **details: Any) -> PeakError:
    """The error of a call that was sent and got no usable answer; ``failures`` are its hops', in order.

    A chain of several that ended has the code ``exhausted``; a single hop, or one that stops, its reason.
    """
    last = failures[-1]
    reasons = [failure.reason.value for failure in failures]
    if last.outcome is OutcomeClass.STOP or len(failures) == 1:
        message = f"the call failed: {last.detail or last.reason.value}"
        kind = _kind(last.reason, CallFailed)
        return kind(message, code=last.reason, remedy=_remedy(last), reasons=reasons, **details)
    return CallFailed(
        f"no candidate answered: {', '.join(reasons)}",
        code=CallReason.EXHAUSTED,
        remedy="see each hop's detail in the call's page in the console, or: peak ledger tail",
        reasons=reasons,
        on_exhausted=on_exhausted,
        **details,
    )


def _kind(reason: str, default: type[PeakError]) -> type[PeakError]:
    if reason in _POLICY:
        return PolicyDenied
    if reason in _BUDGET:
        return BudgetExceeded
    return ControlRefused if reason in _CONTROL else default


def _remedy(failed: Failure) -> str:
    return MEANINGS[failed.reason].remedy
