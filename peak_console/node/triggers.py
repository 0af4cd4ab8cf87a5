"""Opening incidents in the node: acting first, where a trigger acts, and recording behind. It never raises.

What happens by itself only ever makes it safer: disarm, a stop of a scope, a global stop, a model out of use.
A scope stop that cannot be made becomes a global one.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from peak_console.config.incidents import WATCHED, IncidentsConfig, TriggerRules
from peak_console.domain.clock import Clock, unix_us
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id, new_incident_id
from peak_console.domain.incidents import Auto, Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.opening import SEEN, Judgement, Known, Openings, next_action

WAITING_LIMIT: Final = 512
"""Events that may wait for a ledger that cannot be written; the oldest openings stay."""

COUNT_EVERY_US: Final = 60_000_000
"""How often the count of an open incident's cause is recorded, where it changed."""

logger = logging.getLogger(__name__)


class Acting(Protocol):
    """What a trigger may do by itself: each makes it safer, at once in memory, and tells how it came out."""

    def stands(self, auto: Auto, scope: str) -> bool:
        """Whether the effect holds already, so that nothing is to be done."""
        ...

    async def act(self, auto: Auto, alarm: Alarm, incident_id: str) -> str:
        """Do it and give what was done in words; raises ``PeakError`` where it failed."""
        ...


class Opening:
    """The one place where the node opens incidents; on its loop only.

    ``append`` records as the node; ``rules`` are asked at every alarm, so an edit binds at once.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        config: Callable[[], IncidentsConfig],
        append: Callable[[Sequence[EventDraft]], Awaitable[object]],
        acting: Acting,
    ) -> None:
        self.known = Openings()
        self._clock = clock
        self._config = config
        self._append = append
        self._acting = acting
        self.on_acting: list[Callable[[], object]] = []
        """Called when an incident is opened by which something happens by itself, or stands already."""
        self._waiting: deque[EventDraft] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recording = False
        self._counted: dict[str, int] = {}
        self._counted_us = 0

    def open(
        self,
        trigger: Trigger,
        cause: str,
        scope: str,
        summary: str,
        figures: Mapping[str, Any] | None = None,
        *,
        seen: int = 1,
        acts: bool = True,
    ) -> str | None:
        """Open an incident, or count its cause where one is open; gives the id, ``None`` where none is.

        ``seen`` 0 says that the cause only still stands; without ``acts`` nothing happens by itself. Never
        raises and never waits: what happens by itself begins before this loop does anything else, the record
        follows.
        """
        try:
            return self.alarm(Alarm(trigger, cause, scope, summary, figures or {}, seen, acts))
        except Exception:
            logger.exception("an incident could not be opened: %s %s", trigger, one_line(str(cause)))
            return None

    def alarm(self, alarm: Alarm) -> str | None:
        """As :meth:`open`, of an alarm; may raise what a fault of this program raises."""
        rules = _rules(self._config(), alarm.trigger)
        if not rules.enabled:
            return None
        alarm = alarm.said()
        now = self._clock.now()
        verdict, known = self.known.judge(alarm.trigger.value, alarm.cause, rules.quiet_s, unix_us(now))
        auto = rules.auto if alarm.acts else Auto.NONE
        if verdict is Judgement.QUIET and not self._to_do(auto, alarm):
            return None
        if verdict is Judgement.COUNTED and known is not None:
            known.times += alarm.seen
            if alarm.seen:
                self._perform(auto, alarm, known.incident_id)
            return known.incident_id
        known = self.known.opened(new_incident_id(now, secrets.token_bytes), alarm.trigger.value, alarm.cause)
        known.times = max(alarm.seen, 1)
        self._counted[known.incident_id] = 1
        if auto is not Auto.NONE:
            for told in self.on_acting:
                told()
        self._perform(auto, alarm, known.incident_id)
        self._record(EventKind.INCIDENT_OPENED, _opened(alarm, auto, known))
        return known.incident_id

    def record(self, draft: EventDraft) -> None:
        """Record what a trigger saw, behind what was opened before it; waits for a ledger as that does."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(draft)
        else:
            logger.error("%s waits for no ledger any more: too much waits", draft.kind)
        self._drain()

    def tick(self) -> None:
        """Try again to record what waits; record counts that changed."""
        now_us = self._clock.boot_us()
        if now_us - self._counted_us >= COUNT_EVERY_US:
            self._counted_us = now_us
            self._record_counts()
        self._drain()

    @property
    def waiting(self) -> int:
        """Events that could not be recorded yet."""
        return len(self._waiting)

    async def settle(self) -> None:
        """Wait until nothing that was begun is under way; for an end in good order, and for tests."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- within

    def _to_do(self, auto: Auto, alarm: Alarm) -> bool:
        """Whether it happened again and what is to happen by itself does not hold any more.

        A quiet time spares people the bell while the effect stands; it never keeps anything from acting.
        """
        return bool(alarm.seen) and auto is not Auto.NONE and not self._acting.stands(auto, alarm.scope)

    def _perform(self, auto: Auto, alarm: Alarm, incident_id: str) -> None:
        if auto is not Auto.NONE and not self._acting.stands(auto, alarm.scope):
            self._spawn(self._performed(auto, alarm, incident_id))

    async def _performed(self, auto: Auto, alarm: Alarm, incident_id: str) -> None:
        try:
            detail, ok = await self._acting.act(auto, alarm, incident_id), True
        except PeakError as error:
            detail, ok = f"{error.code}: {error.message}", False
        except Exception as error:  # noqa: BLE001 - told in the incident; the node goes on
            detail, ok = f"{type(error).__name__}: {error}", False
        if not ok:
            logger.error("%s by itself failed: %s", auto, one_line(detail))
        body = {"action": auto.value, "scope": alarm.scope, "ok": ok, "detail": one_line(detail, 400)}
        self._record(EventKind.INCIDENT_ACTION_TAKEN, {"incident_id": incident_id, **body})

    def _record_counts(self) -> None:
        standing = {one.incident_id: one for one in self.known.open_now()}
        self._counted = {name: told for name, told in self._counted.items() if name in standing}
        for incident_id, one in standing.items():
            if one.times > self._counted.setdefault(incident_id, one.times):
                self._counted[incident_id] = one.times
                body = {"incident_id": incident_id, "action": SEEN, "times": one.times}
                self._record(EventKind.INCIDENT_ACTION_TAKEN, body)

    def _record(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        self.record(EventDraft(new_event_id(secrets.token_bytes), kind.value, body))

    def _drain(self) -> None:
        if self._waiting and not self._recording:
            self._recording = True
            self._spawn(self._drained())

    async def _drained(self) -> None:
        try:
            while self._waiting:
                await self._append([self._waiting[0]])
                self._waiting.popleft()
        except PeakError as error:
            if error.code in _HOPELESS:
                self._waiting.popleft()
            logger.warning("an incident could not be recorded yet: %s", error.message)
        finally:
            self._recording = False

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_HOPELESS: Final = frozenset({"event_malformed", "not_canonical", "body_too_large", "event_id_taken"})
"""Errors of an event itself: it is dropped, and those behind it are recorded."""


def _rules(config: IncidentsConfig, trigger: Trigger) -> TriggerRules:
    return config.rules(trigger) if trigger in WATCHED else TriggerRules(quiet_s=1)


def _opened(alarm: Alarm, auto: Auto, known: Known) -> dict[str, Any]:
    return {
        "incident_id": known.incident_id,
        "trigger": alarm.trigger.value,
        "cause": alarm.cause,
        "scope": alarm.scope,
        "summary": alarm.summary,
        "figures": dict(alarm.figures),
        "auto": auto.value,
        "next_action": next_action(alarm.trigger, auto, alarm.scope),
    }
