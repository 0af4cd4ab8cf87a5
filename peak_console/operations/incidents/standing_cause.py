"""Whether what opened an incident still stands, by what status knows now. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from peak_console.domain.incidents import Trigger
from peak_console.domain.posture import PostureReason
from peak_console.incidents.fold import Incident
from peak_console.operations.views.bar import BarSnapshot

RECENT: Final = timedelta(minutes=2)
"""A cause that nothing else tells of counts as standing for so long after it was seen."""

_BROKEN: Final = frozenset({PostureReason.LEDGER_BROKEN.value, PostureReason.LEDGER_UNAVAILABLE.value})
_SEEN_ONLY: Final = frozenset(
    {Trigger.POLICY_VIOLATION, Trigger.BUDGET_RUNAWAY, Trigger.LATENCY_SPIKE, Trigger.CRITIC_FAIL_RATE}
)


def why_standing(one: Incident, bar: BarSnapshot, now: datetime) -> str:
    """In words why its cause still stands; empty where nothing says so."""
    told = _TOLD.get(one.trigger)
    stands = told(one, bar) if told is not None else ""
    return stands or _seen_just_now(one, now)


def _lapsed(_: Incident, bar: BarSnapshot) -> str:
    if PostureReason.LAPSED in bar.posture.reasons:
        return "no lease counts now; see peak node status"
    return ""


def _broken(_: Incident, bar: BarSnapshot) -> str:
    if bar.ledger.verified is False:
        return "the ledger does not verify"
    reasons = _BROKEN & set(bar.posture.reasons)
    if reasons:
        return f"the posture says {', '.join(sorted(reasons))}"
    return bar.ledger.freshness.why


def _conflict(_: Incident, bar: BarSnapshot) -> str:
    return "; ".join(bar.posture.conflicts)


def _missing(_: Incident, bar: BarSnapshot) -> str:
    missing = bar.workers_missing
    return f"{', '.join(missing)} did not acknowledge the last stop" if missing else ""


def _quarantined(one: Incident, bar: BarSnapshot) -> str:
    name = one.scope.removeprefix("model:") if one.scope.startswith("model:") else one.cause
    return f"{name} is still out of use" if name in bar.quarantined else ""


def _latched(kind: str) -> Callable[[Incident, BarSnapshot], str]:
    def told(_: Incident, bar: BarSnapshot) -> str:
        latched = [line for line in bar.breakers or () if line.kind == kind and line.latched]
        return f"the {kind} breaker is open; see peak breaker list" if latched else ""

    return told


def _seen_just_now(one: Incident, now: datetime) -> str:
    if one.trigger not in _SEEN_ONLY:
        return ""
    ago = now - (one.last_at or one.opened_at)
    return f"it was seen {max(0, int(ago.total_seconds()))} s ago" if ago < RECENT else ""


_TOLD: Final[dict[Trigger, Callable[[Incident, BarSnapshot], str]]] = {
    Trigger.LAPSE: _lapsed,
    Trigger.LEDGER_BROKEN: _broken,
    Trigger.POSTURE_CONFLICT: _conflict,
    Trigger.WORKER_LOST: _missing,
    Trigger.MODEL_DRIFT: _quarantined,
    Trigger.BUDGET_RUNAWAY: _latched("burn"),
    Trigger.CRITIC_FAIL_RATE: _latched("critic"),
}
