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
    """The newest event, or its own end."""
    renewed_us: int | None = None
    """When it last renewed its lease, on the boot clock of this boot; ``None`` where no lease tells."""
    rebooted: bool = False
    """Whether its lease is of another boot: it cannot have lived since this one began."""


def after_restart(
    last: LastNode | None, *, enabled: bool, now_us: int, boot_us: int, rules: Lapse
) -> Alarm | None:
    """The alarm of a start: the last node did not end by itself, or nobody held a lease for long.

    ``enabled``: whether calls were and are enabled, so that a lease was missing. ``now_us`` is the wall
    clock, ``boot_us`` the boot clock.
    """
    if last is None or not enabled:
        return None
    least_s, most_s = _gap_s(last, now_us, boot_us)
    if last.ended and most_s < rules.least_s:
        return None
    how = f"ended ({last.reason or 'no reason'})" if last.ended else "ended without a word"
    told = f"about {most_s} s" if least_s == most_s else f"between {least_s} and {most_s} s"
    summary = f"the last node {how}; no lease was renewed for {told}"
    return _alarm(summary, most_s, last.session, clean=last.ended, least_s=least_s)


def _gap_s(last: LastNode, now_us: int, boot_us: int) -> tuple[int, int]:
    """How long nobody renewed a lease, at least and at most, in seconds."""
    most_s = max(now_us - last.alive_us, 0) // _SECOND_US
    if last.ended:
        return most_s, most_s
    if last.renewed_us is not None:
        known_s = max(boot_us - last.renewed_us, 0) // _SECOND_US
        return known_s, known_s
    return min(boot_us // _SECOND_US, most_s) if last.rebooted else 0, most_s


def held_up(gap_us: int, *, enabled: bool, session: str, rules: Lapse) -> Alarm | None:
    """The alarm of a node whose loop stood still for so long: suspended, stopped by a signal, or starved."""
    gap_s = gap_us // _SECOND_US
    if not enabled or gap_s < rules.least_s:
        return None
    return _alarm(f"this node stood still for {gap_s} s and its lease lapsed", gap_s, session, clean=False)


def _alarm(summary: str, gap_s: int, session: str, *, clean: bool, least_s: int | None = None) -> Alarm:
    least_s = gap_s if least_s is None else least_s
    figures = {"gap_s": gap_s, "gap_least_s": least_s, "session": session, "clean_end": clean}
    return Alarm(Trigger.LAPSE, CAUSE, GLOBAL, summary, figures)
