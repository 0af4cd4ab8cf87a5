"""Whether an alarm opens an incident: one for each cause while it is open, and a quiet time after its close.

Pure: a fold of ``incident.opened`` and ``incident.closed``, and of what was decided and is not recorded yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Auto, Trigger
from peak_console.incidents.guidance import GUIDANCE

SEEN: Final = "seen"
"""The ``action`` of an ``incident.action_taken`` that counts its cause further, in ``times``."""

KINDS: Final = (
    EventKind.INCIDENT_OPENED.value,
    EventKind.INCIDENT_CLOSED.value,
    EventKind.INCIDENT_ACTION_TAKEN.value,
)
"""What the fold takes."""

CLOSED_KEPT: Final = 512
"""Causes of closed incidents that are remembered; the quiet time of an older one is over."""


class Judgement(StrEnum):
    """What becomes of an alarm."""

    OPENS = "opens"
    COUNTED = "counted"
    """Its incident is open: it is counted there."""
    QUIET = "quiet"
    """Its incident was closed a short while ago."""


@dataclass
class Known:
    """An incident by its cause. Moments in microseconds since 1970."""

    incident_id: str
    trigger: str
    cause: str
    times: int = 1
    closed_us: int | None = None


class Openings:
    """The newest incident of every cause."""

    def __init__(self) -> None:
        self._by_cause: dict[tuple[str, str], Known] = {}
        self._by_id: dict[str, Known] = {}

    def take(self, kind: str, body: Mapping[str, Any], ts_us: int) -> None:
        """Take an event in; one that does not say enough changes nothing."""
        incident_id = str(body.get("incident_id", ""))
        if kind == EventKind.INCIDENT_OPENED:
            if incident_id and incident_id not in self._by_id:
                self.opened(incident_id, str(body.get("trigger", "")), str(body.get("cause", "")))
            return
        known = self._by_id.get(incident_id)
        if known is None:
            return
        if kind == EventKind.INCIDENT_CLOSED:
            known.closed_us = ts_us
            self._forget_old()
        elif body.get("action") == SEEN and type(body.get("times")) is int:
            known.times = max(known.times, body["times"])

    def opened(self, incident_id: str, trigger: str, cause: str) -> Known:
        """An incident was opened, whether or not that is recorded already."""
        before = self._by_cause.get((trigger, cause))
        if before is not None:
            self._by_id.pop(before.incident_id, None)
        known = Known(incident_id, trigger, cause)
        self._by_cause[(trigger, cause)] = self._by_id[incident_id] = known
        return known

    def judge(self, trigger: str, cause: str, quiet_s: int, now_us: int) -> tuple[Judgement, Known | None]:
        """What becomes of an alarm with this cause now, and the incident that it belongs to."""
        known = self._by_cause.get((trigger, cause))
        if known is None:
            return Judgement.OPENS, None
        if known.closed_us is None:
            return Judgement.COUNTED, known
        if 0 <= now_us - known.closed_us < quiet_s * 1_000_000:
            return Judgement.QUIET, known
        return Judgement.OPENS, known

    def one(self, incident_id: str) -> Known | None:
        """The incident of this id, where it is the newest of its cause."""
        return self._by_id.get(incident_id)

    def open_now(self) -> list[Known]:
        """Incidents that are not closed."""
        return [one for one in self._by_cause.values() if one.closed_us is None]

    def _forget_old(self) -> None:
        closed = [one for one in self._by_cause.values() if one.closed_us is not None]
        for one in sorted(closed, key=lambda one: one.closed_us or 0)[:-CLOSED_KEPT]:
            del self._by_cause[(one.trigger, one.cause)]
            self._by_id.pop(one.incident_id, None)


def next_action(trigger: Trigger, auto: Auto, scope: str) -> str:
    """The one thing to do next, after what happens by itself already."""
    done = {
        Auto.DISARM: "disarmed by itself; ",
        Auto.STOP: "everything is stopped by itself; ",
        Auto.STOP_SCOPE: f"{scope} is stopped by itself; ",
        Auto.QUARANTINE: f"{scope} is out of use by itself; ",
    }
    return done.get(auto, "") + GUIDANCE[trigger].next
