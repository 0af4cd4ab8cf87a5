"""What stands or does not: a contradiction of the posture, a ledger that is broken, a worker that is gone.

Each is told once it has stood for a moment, and again only when it is new.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from peak_console.domain.incidents import Trigger
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import Alarm

CONFLICT_STANDS_US: Final = 2_000_000
"""An enable on its way contradicts itself for some milliseconds."""

FAULT_STANDS_US: Final = 5_000_000
"""A ledger that cannot be written for less is told by the posture alone."""


_LOST: Final = {
    "not_acknowledged": "did not acknowledge the stop",
    "lost": "went away with calls in flight",
}
"""Why a worker is missing, in words."""


class Standing:
    """Which causes stand, since when, and which of them were told."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._told: set[str] = set()

    def due(self, causes: Sequence[str], now_us: int, after_us: int) -> list[tuple[str, bool]]:
        """Causes that have stood for ``after_us`` of the boot clock, and whether that is news."""
        self._since = {cause: self._since.get(cause, now_us) for cause in causes}
        self._told &= self._since.keys()
        found = [
            (cause, cause not in self._told)
            for cause, since in self._since.items()
            if now_us - since >= after_us
        ]
        self._told |= {cause for cause, _ in found}
        return found


class PostureConflicts:
    """Sources of the posture that contradict each other."""

    def __init__(self) -> None:
        self._standing = Standing()

    def alarms(self, conflicts: Sequence[str], now_us: int) -> list[Alarm]:
        """One for each contradiction that stands."""
        return [
            Alarm(
                Trigger.POSTURE_CONFLICT,
                one_line(cause, 80),
                GLOBAL,
                one_line(cause, 300),
                {"conflict": one_line(cause, 300)},
                int(new),
            )
            for cause, new in self._standing.due(conflicts, now_us, CONFLICT_STANDS_US)
        ]


class LedgerHealth:
    """A ledger that does not verify, is not the one that was signed, or cannot be written."""

    def __init__(self) -> None:
        self._broken = Standing()
        self._faulty = Standing()

    def alarms(self, broken: str, fault: str, now_us: int) -> list[Alarm]:
        """What is wrong now; ``broken`` at once, ``fault`` once it has stood."""
        found = [
            _ledger("verification", f"the ledger is broken: {one_line(broken, 200)}", broken, new)
            for _, new in self._broken.due([broken] if broken else [], now_us, 0)
        ]
        return found + [
            _ledger(f"fault:{fault}", f"the ledger cannot be written: {one_line(fault, 60)}", fault, new)
            for _, new in self._faulty.due([fault] if fault else [], now_us, FAULT_STANDS_US)
        ]


class LostWorkers:
    """Callers that went away with calls in flight, or did not acknowledge a stop."""

    def __init__(self) -> None:
        self._standing = Standing()

    def alarms(self, missing: Sequence[Mapping[str, Any]], now_us: int) -> list[Alarm]:
        """One for each: ``name``, ``pid``, ``actor``, ``why`` and ``stop_id`` of who is missing."""
        by_cause = {f"{one.get('name', '?')} pid {one.get('pid', '?')}": one for one in missing}
        return [
            _lost(cause, by_cause[cause], new) for cause, new in self._standing.due(list(by_cause), now_us, 0)
        ]


def _ledger(cause: str, summary: str, detail: str, new: bool) -> Alarm:  # noqa: FBT001 - private
    return Alarm(Trigger.LEDGER_BROKEN, cause, GLOBAL, summary, {"detail": one_line(detail, 300)}, int(new))


def _lost(cause: str, one: Mapping[str, Any], new: bool) -> Alarm:  # noqa: FBT001 - private
    why = _LOST.get(str(one.get("why")), "is missing")
    figures = {name: one_line(str(one.get(name, "")), 120) for name in ("name", "pid", "actor", "stop_id")}
    summary = f"worker {one_line(cause, 120)} {why}"
    return Alarm(Trigger.WORKER_LOST, one_line(cause, 150), GLOBAL, summary, figures, int(new))
