"""Drift's tests in the node: what they are held against, how they go on after a restart, what they lead to.

Events are taken in as they are committed; what happened while no node looked is read from the ledger at a
start. The state is kept in ``audits/state.db`` each minute and at the end, with the place up to which it
counts; without it the tests begin again from the lock that counts, over a bounded part of the ledger.
"""

import asyncio
import json
import logging
import secrets
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.configs import Configs
from peak_console.config.lock import Lock, LockEntry
from peak_console.config.verifying import by_ledger
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import new_event_id
from peak_console.domain.jobs import JobKind
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.drifting import KINDS, Drift, Known
from peak_console.incidents.drifting_slot import SlotKey
from peak_console.incidents.drifting_state import begun_from, kept, told
from peak_console.incidents.drifting_words import Detection, alarm_of, body_of
from peak_console.incidents.opening import Judgement
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body
from peak_console.ledger.reader import LedgerReader
from peak_console.node.state import NodeState
from peak_console.node.state_db import rows_of
from peak_console.node.triggers import Opening

if TYPE_CHECKING:
    from peak_console.node.state_thread import StateThread

KEPT_EVERY_S: Final = 60

REREAD: Final = 20_000
"""Places at the ledger's head that are counted where no state was kept."""

MOST_MISSED: Final = 200_000
"""Places behind a kept state that are read; a state is never as far behind while a node lives."""

REMEMBERED: Final = 1000
"""Places before those in which answers are looked up, for verdicts that come later."""

WAITING: Final = 100_000
"""Events that may wait until the state is read."""

_KEY: Final = "tests"
_PAGE: Final = 500
_HEADER: Final = Header._fields[:-1]

logger = logging.getLogger(__name__)

AskFor = Callable[[str, Mapping[str, Any]], Awaitable[object]]
"""Has a job run once because of a suspicion: its name, and parameters; raises ``PeakError``."""


class Drifting:
    """Drift's tests and what they are held against; on the node's loop only."""

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._drift = Drift()
        self._known = Known()
        self._entries: Mapping[SlotKey, LockEntry] = {}
        self._waiting: deque[tuple[Header, Body]] = deque(maxlen=WAITING)
        self._ready = False
        self._kept_seq = -1
        self._asking: set[asyncio.Task[None]] = set()
        self.ask_for: AskFor | None = None
        """Set by whoever runs jobs."""
        self.problem = ""
        """Why the state cannot be kept; empty while it can."""

    # -- what it is held against

    def look(self, configs: Configs) -> None:
        """Hold against these configs from now on.

        A lock that does not count now changes nothing: what was verified was verified, and a file that is
        half written, or has expired, is told elsewhere.
        """
        facts = self._state.facts
        lock = by_ledger(configs.lock, facts.operators, facts.lock_digest)
        if lock is not None and lock.sound and lock.digest != self._known.lock:
            self._entries = _entries(lock)
        models = configs.models

        def is_name(provider: str, model_id: str, name: str) -> bool:
            model = models.find(provider, model_id)
            return model is not None and model.echoed_as(name)

        self._known = Known(
            configs.incidents.model_drift,
            lock.digest if lock is not None and lock.sound else self._known.lock,
            self._entries,
            is_name=is_name,
        )
        if self._ready:
            self._drift.hold_against(self._known)

    # -- the fold

    def take(self, event: Header, body: Body, at_us: int) -> None:
        """Take in what was committed; it waits until the kept state is read."""
        if event.kind not in KINDS:
            return
        if self._ready:
            self._drift.take(event, body, at_us, self._known)
        else:
            self._waiting.append((event, body))

    def tell(self, opening: Opening) -> None:
        """Open incidents of what was detected, record it, and have suspicions looked into."""
        if not self._ready:
            return
        gone = set(self._state.quarantined)
        for one in self._drift.detections():
            self._tell_one(one, opening)
            gone |= {one.model} if one.acts else set()
        for doubt in self._drift.suspicions():
            if doubt.model not in gone:  # nothing can be asked of a model that is out of use
                self._ask(doubt.params)

    def report(self) -> dict[str, Any]:
        """What the operation ``drift.status`` answers."""
        return {**told(self._drift, self._known), "ready": self._ready, "problem": self.problem}

    # -- over a restart

    async def run(self, state: "StateThread", opening: Opening) -> None:
        """Go on where the state was kept, then keep it each minute, and at the end."""
        await self.begin(state)
        for one in self._drift.to_act_on(self._state.quarantined):
            self._tell_one(one, opening)
        self.tell(opening)
        try:
            while True:
                await asyncio.sleep(KEPT_EVERY_S)
                await self.keep(state)
        finally:
            await self.keep(state)

    async def begin(self, state: "StateThread") -> None:
        """Read the kept state, and what was committed since."""
        try:
            found = await state.do(_read)
        except PeakError as error:
            self.problem, found = error.message, None
        drift = _restored(found)
        drift.hold_against(self._known)
        try:
            await asyncio.to_thread(self._reread, drift)
        except LedgerUnavailable as error:
            logger.warning("drift could not look back: %s", error.message)
        self._drift, self._ready = drift, True
        self._kept_seq = -1 if found is None else found[0]
        while self._waiting:
            event, body = self._waiting.popleft()
            drift.take(event, body, unix_us(from_iso(event.ts)), self._known)

    async def keep(self, state: "StateThread") -> None:
        """Keep the state, where it has changed."""
        if not self._ready or self._drift.seq == self._kept_seq:
            return
        seq, text = self._drift.seq, json.dumps(kept(self._drift))
        try:
            await state.do(lambda db: _write(db, seq, text))
        except PeakError as error:
            if not self.problem:
                logger.warning("drift's state cannot be kept: %s", error.message)
            self.problem = error.message
        else:
            self._kept_seq, self.problem = seq, ""

    # -- within

    def _tell_one(self, one: Detection, opening: Opening) -> None:
        if not self._known.rules.enabled:
            return
        alarm = alarm_of(one)
        if self._is_known(one, alarm, opening):
            return
        incident_id = opening.open(
            alarm.trigger,
            alarm.cause,
            alarm.scope,
            alarm.summary,
            alarm.figures,
            seen=alarm.seen,
            acts=alarm.acts,
        )
        if not one.new:
            return
        layer, role, provider, model_id = one.slot
        opening.record(
            EventDraft(
                new_event_id(secrets.token_bytes),
                EventKind.DRIFT_DETECTED.value,
                body_of(one, incident_id),
                layer=layer or None,
                role=role or None,
                provider=provider,
                model_id=model_id,
            )
        )

    def _is_known(self, one: Detection, alarm: Alarm, opening: Opening) -> bool:
        """Whether a gold case shows again what the model is out of use for, and no incident counts it.

        People have closed that one: it is not opened anew with every round until the release.
        """
        if one.new or one.model not in self._state.quarantined:
            return False
        verdict, _ = opening.known.judge(alarm.trigger.value, alarm.cause, 0, 0)
        return verdict is not Judgement.COUNTED

    def _ask(self, params: Mapping[str, str]) -> None:
        """Have the configured two-sample test run; without one the suspicion is shown, and no more."""
        task = asyncio.ensure_future(self._asked(params))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _asked(self, params: Mapping[str, str]) -> None:
        try:
            jobs = self._state.configs.current(self._state.facts.phase.level).whole_jobs().job
            found = [one.name for one in jobs if one.kind is JobKind.TWO_SAMPLE and one.enabled]
            if found and self.ask_for is not None:
                await self.ask_for(found[0], params)
        except PeakError as error:
            logger.warning("a suspicion of %s is not tested: %s", params["model_id"], error.message)

    def _reread(self, drift: Drift) -> None:
        """Count what the ledger holds behind the state; in a thread, before anything else uses ``drift``."""
        known = self._known
        with LedgerReader(self._state.ws.ledger) as reader:
            head, _ = reader.head()
            fresh = drift.seq == 0 or drift.seq > head
            after = max(_locked_at(reader), head - REREAD) if fresh else max(drift.seq, head - MOST_MISSED)
            drift.seq = after
            for event in _events(reader, max(0, after - REMEMBERED), head):
                header = Header(*(getattr(event, name) for name in _HEADER))
                if event.seq <= after:
                    drift.remember(header)
                elif event.body is not None:
                    drift.take(header, event.body, unix_us(from_iso(event.ts)), known)


def _entries(lock: Lock) -> dict[SlotKey, LockEntry]:
    return {
        (layer.value, role.value, provider, model_id): entry
        for (layer, role, provider, model_id), entry in lock.entries.items()
    }


def _restored(found: tuple[int, str] | None) -> Drift:
    if found is None:
        return Drift()
    try:
        return begun_from(json.loads(found[1]), found[0])
    except ValueError as error:
        logger.warning("drift's tests begin again: %s", error)
        return Drift()


def _events(reader: LedgerReader, after: int, upto: int) -> Iterator[LedgerEvent]:
    while after < upto:
        page = reader.read(after, _PAGE)
        if not page:
            return
        yield from (one for one in page if one.seq <= upto)
        after = page[-1].seq


def _locked_at(reader: LedgerReader) -> int:
    """Where the lock that counts was written: what came before is in its baseline."""
    kinds = (EventKind.LOCK_WRITTEN.value, EventKind.LOCK_ROLLED_BACK.value)
    return max((found.seq for kind in kinds if (found := reader.last(kind)) is not None), default=0)


def _read(db: sqlite3.Connection) -> tuple[int, str] | None:
    rows = rows_of(db, "SELECT seq, state FROM drift WHERE key = ?", _KEY)
    return rows[0] if rows else None


def _write(db: sqlite3.Connection, seq: int, text: str) -> None:
    rows_of(db, "INSERT OR REPLACE INTO drift VALUES (?, ?, ?)", _KEY, seq, text)
