"""Lapses: the node was gone, or held up, while calls were enabled. Not a stop; the next node tells it."""

from dataclasses import dataclass
from typing import Final

from peak_console.config.incidents import Lapse
from peak_console.domain.incidents import Trigger
from peak_console.domain.stopping import GLOBAL
from peak_console.incidents.alarm import Alarm

CAUSE: Final = "node"
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LastNode:
    """What is known of the node before this one. Moments in microseconds since 1970."""

    session: str
    ended: bool
    """Whether it recorded its own end."""
    reason: str
    """Why it ended, as it said itself."""
    alive_us: int
    """The last sign of its life: an event, or its end."""


def after_restart(last: LastNode | None, *, enabled: bool, now_us: int, rules: Lapse) -> Alarm | None:
    """The alarm of a start: the last node did not end by itself, or nobody held a lease for long.

    ``enabled``: whether calls were and are enabled, so that a lease was missing.
    """
    if last is None or not enabled:
        return None
    gap_s = max(now_us - last.alive_us, 0) // _SECOND_US
    if last.ended and gap_s < rules.least_s:
        return None
    how = f"ended ({last.reason or 'no reason'})" if last.ended else "ended without a word"
    return _alarm(f"the last node {how}; no lease for about {gap_s} s", gap_s, last.session, clean=last.ended)


def held_up(gap_us: int, *, enabled: bool, session: str, rules: Lapse) -> Alarm | None:
    """The alarm of a node whose loop stood still for so long: suspended, stopped by a signal, or starved."""
    gap_s = gap_us // _SECOND_US
    if not enabled or gap_s < rules.least_s:
        return None
    return _alarm(f"this node stood still for {gap_s} s and its lease lapsed", gap_s, session, clean=False)


def _alarm(summary: str, gap_s: int, session: str, *, clean: bool) -> Alarm:
    figures = {"gap_s": gap_s, "session": session, "clean_end": clean}
    return Alarm(Trigger.LAPSE, CAUSE, GLOBAL, summary, figures)
