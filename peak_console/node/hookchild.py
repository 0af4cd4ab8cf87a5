"""``python -m peak_console.node.hookchild --root ROOT``: the node's child that tells hooks of incidents.

It follows the ledger read-only, so nothing in the node waits for it: no stop, no append, no lease. Where it
got to stands in ``audits/hooks.json``; what it told, or could not tell, it records as
``incident.action_taken``, and what is recorded is not told again, whatever became of the file. A process that
is killed between telling and recording tells again, under the same id.
"""

import asyncio
import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future  # noqa: TC003 - dataclasses read their fields' types
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.incidents import Hook
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, from_iso
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.signing import Signer
from peak_console.domain.text import one_line
from peak_console.incidents.delivery import MAX_REPLY_BYTES, Delivered, Message, deliver
from peak_console.incidents.fold import NOT_TOLD, TOLD, TOLD_ID, Incident
from peak_console.incidents.hook_place import HookPlace, read_place, write_place
from peak_console.incidents.hooks import (
    Telling,
    begun_with,
    escalations,
    message,
    needless,
    pause_s,
    tellings_of,
    timeout_of,
    tries_of,
    unsilenced,
    was_told,
)
from peak_console.ledger.reader import LedgerReader
from peak_console.net.http import HttpTransport
from peak_console.operations.child import Lifeline, announce, run_child, say
from peak_console.operations.incidents.reading import IncidentBook, events_between
from peak_console.operations.settings import hook_settings

POLL_S: Final = 0.1
"""How often the ledger is asked for news."""

RETRY_S: Final = 2.0
"""How long it is left alone when it cannot be read."""

PLACE: Final = "hooks.json"

_AT_ONCE: Final = 8
_RECORD_S: Final = 2.0
_LOOK_S: Final = 0.01
_CONFIG_EVERY_S: Final = 1.0

Begin = Callable[[Hook, Message, float], "Future[Delivered]"]
"""Begin one try."""
Record = Callable[[EventDraft], bool]
"""Append an event; false where no node takes it now."""


@dataclass
class HookTeller:
    """What is due, what is under way, and what came of it. Used by one thread; :meth:`round` never waits."""

    ws: Workspace
    begin: Begin
    record: Record
    hooks: Callable[[], tuple[Hook, ...]]
    clock: Clock
    spread: Callable[[], float]
    _reader: LedgerReader | None = None
    _book: IncidentBook = field(default_factory=IncidentBook)
    _seq: int = -1
    _met: frozenset[str] = frozenset()
    """The hooks that are told up to there."""
    _due: dict[tuple[str, str, int], Telling] = field(default_factory=dict)
    _going: dict[tuple[str, str, int], "Future[Delivered]"] = field(default_factory=dict)
    _unrecorded: dict[str, tuple[Telling, EventDraft]] = field(default_factory=dict)
    _kept: HookPlace | None = None

    def round(self) -> float:
        """Look, begin what is due, take in what ended; how long nothing else is to be done, in seconds."""
        now = self.clock.now()
        try:
            known = self._look(now)
        except LedgerUnavailable:
            self.close()
            return RETRY_S
        self._settle(known, now)
        self._begin_due(known, now)
        recorded = self._append()
        self._keep()
        return POLL_S if recorded else RETRY_S

    def close(self) -> None:
        """Let go of the ledger."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def idle(self) -> bool:
        """Whether nothing is due, under way or unrecorded."""
        return not (self._due or self._going or self._unrecorded)

    def _look(self, now: datetime) -> Mapping[str, Incident]:
        if self._reader is None:
            self._reader = LedgerReader(self.ws.ledger)
        reader = self._reader
        head, _ = reader.head()
        known = self._book.read(reader)
        if self._seq < 0:
            self._start(head)
        hooks = self.hooks()
        met = [one for one in hooks if one.name in self._met]
        if head > self._seq:
            fresh: dict[str, list[tuple[str, int, datetime]]] = {}
            for event in events_between(reader, self._seq, head):
                name = str((event.body or {}).get("incident_id") or event.event_id)
                fresh.setdefault(name, []).append((event.kind, event.seq, from_iso(event.ts)))
            for name, events in fresh.items():
                if name in known:
                    self._add(tellings_of(events, known[name], met, now), known)
            self._seq = head
        again = [*escalations(known.values(), hooks, now), *unsilenced(known.values(), hooks, now)]
        told = {(one.hook, one.incident_id) for one in again}
        new = [one for hook in hooks if hook not in met for one in begun_with(known.values(), hook, now)]
        self._add(again, known)
        self._add([one for one in new if (one.hook, one.incident_id) not in told], known)
        self._met = frozenset(one.name for one in hooks)
        return known

    def _start(self, head: int) -> None:
        """From where the last process got to; where nobody knows, from now."""
        place = read_place(self.ws.audits / PLACE)
        if place is not None and place.seq <= head:
            self._seq, self._kept = place.seq, place
            self._due, self._met = {one.key: one for one in place.due}, frozenset(place.hooks)
            return
        self._seq = head

    def _add(self, tellings: Iterable[Telling], known: Mapping[str, Incident]) -> None:
        for one in tellings:
            busy = one.key in self._due or one.key in self._going or _event_id(one) in self._unrecorded
            if not busy and not was_told(known[one.incident_id], one.hook, one.about):
                self._due[one.key] = one

    def _begin_due(self, known: Mapping[str, Incident], now: datetime) -> None:
        hooks = {one.name: one for one in self.hooks()}
        for key, telling in sorted(self._due.items(), key=lambda pair: pair[1].due):
            incident, hook = known.get(telling.incident_id), hooks.get(telling.hook)
            if key in self._going or telling.due > now:
                continue
            if incident is None or hook is None:
                del self._due[key]
                continue
            why = needless(telling, incident, now)
            if why:
                self._end(telling, Delivered(ok=True, detail=why), silent=True)
            elif len(self._going) < _AT_ONCE:
                body = message(telling, incident, self.ws.name)
                sent = Message(telling.message_id, incident.incident_id, body)
                self._going[key] = self.begin(hook, sent, timeout_of(hook, incident))

    def _settle(self, known: Mapping[str, Incident], now: datetime) -> None:
        """Take in what ended: done, given up, or due again."""
        hooks = {one.name: one for one in self.hooks()}
        for key in [key for key, future in self._going.items() if future.done()]:
            future = self._going.pop(key)
            done = _result(future)
            telling = self._due[key]
            incident, hook = known.get(telling.incident_id), hooks.get(telling.hook)
            test = incident is not None and incident.test
            pause = pause_s(telling.tries + 1, self.spread(), test=test)
            telling = telling.again(now + timedelta(seconds=pause))
            most = tries_of(hook, incident) if hook is not None and incident is not None else 1
            if done.ok or done.final or telling.tries >= most:
                self._end(telling, done)
            else:
                self._due[key] = telling

    def _end(self, telling: Telling, done: Delivered, *, silent: bool = False) -> None:
        self._due.pop(telling.key, None)
        body = {
            "incident_id": telling.incident_id,
            "action": NOT_TOLD if silent else TOLD,
            "hook": telling.hook,
            "about": telling.about,
            "ok": done.ok,
            "tries": telling.tries,
            "detail": one_line(done.detail, 300),
        }
        event_id = _event_id(telling)
        kind = EventKind.INCIDENT_ACTION_TAKEN.value
        self._unrecorded[event_id] = (telling, EventDraft(event_id, kind, body))

    def _append(self) -> bool:
        for event_id, (_, draft) in list(self._unrecorded.items()):
            if not self.record(draft):
                return False
            del self._unrecorded[event_id]
        return True

    def _keep(self) -> None:
        """Write the place where it changed; what is not recorded yet is due again after a kill."""
        waiting = (telling for telling, _ in self._unrecorded.values())
        place = HookPlace(self._seq, (*self._due.values(), *waiting), tuple(sorted(self._met)))
        if place != self._kept and write_place(self.ws.audits / PLACE, place):
            self._kept = place


def _event_id(telling: Telling) -> str:
    """The same after a restart, so that one telling is recorded once."""
    return f"{TOLD_ID}{telling.seq}_{telling.about.rpartition('.')[2]}_{telling.hook}"


def _result(future: "Future[Delivered]") -> Delivered:
    error = future.exception()
    if error is not None:
        return Delivered(ok=False, detail=one_line(f"{type(error).__name__}: {error}", 160))
    return future.result()


class HookSettings:
    """The hooks as configured now: the file is read again after a second; the last good ones stay."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._read_at = -_CONFIG_EVERY_S
        self._hooks: tuple[Hook, ...] = ()

    def __call__(self) -> tuple[Hook, ...]:
        """The hooks."""
        now = time.monotonic()
        if now - self._read_at >= _CONFIG_EVERY_S:
            self._read_at = now
            found = hook_settings(self._ws)
            self._hooks = self._hooks if found is None else found
        return self._hooks


class Recorder:
    """Has the node record by saying it on the node's own pipe, and sees in the ledger that it has."""

    def __init__(
        self, ws: Workspace, say: Callable[..., object] = say, patience_s: float = _RECORD_S
    ) -> None:
        self._ws = ws
        self._say = say
        self._patience_s = patience_s
        self._reader: LedgerReader | None = None

    def __call__(self, draft: EventDraft) -> bool:
        """Have an event recorded; false where it is not there in time. It is said again at the next try."""
        until = time.monotonic() + self._patience_s
        try:
            if self._reader is None:
                self._reader = LedgerReader(self._ws.ledger)
            said = False
            while self._reader.by_event(draft.event_id) is None:
                if time.monotonic() >= until:
                    return False
                if not said:
                    self._say(told={"event_id": draft.event_id, "body": dict(draft.body)})
                    said = True
                time.sleep(_LOOK_S)
        except LedgerUnavailable:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let go of the ledger."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class Deliveries:
    """Tries under way, on an event loop of their own thread."""

    def __init__(self, ws: Workspace, signer: Signer) -> None:
        self._ws = ws
        self._signer = signer
        self._loop = asyncio.new_event_loop()
        self._transport = HttpTransport(max_bytes=MAX_REPLY_BYTES)
        self._thread = threading.Thread(target=self._loop.run_forever, name="hooks", daemon=True)
        self._thread.start()

    def begin(self, hook: Hook, message: Message, timeout_s: float) -> "Future[Delivered]":
        """Begin one try."""
        work = deliver(
            hook,
            message,
            transport=self._transport,
            signer=self._signer,
            now=SystemClock().now(),
            timeout_s=timeout_s,
            folder=self._ws.root,
            environ=os.environ,
        )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancel what is under way and end the thread."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(3.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(3.0)
        self._loop.close()

    async def _cancel(self) -> None:
        mine = asyncio.current_task()
        going: list[asyncio.Task[Any]] = [one for one in asyncio.all_tasks() if one is not mine]
        for one in going:
            one.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await self._transport.aclose()


def keep_telling(ws: Workspace, lifeline: Lifeline) -> None:
    """Tell the hooks of a workspace until the lifeline ends."""
    deliveries = Deliveries(ws, KeyStore(ws.keys).signer())
    recorder = Recorder(ws)
    spread = random.Random(secrets.token_bytes(8)).random  # noqa: S311 - spreads retries, no secret
    teller = HookTeller(ws, deliveries.begin, recorder, HookSettings(ws), SystemClock(), spread)
    announce()
    try:
        pause = 0.0
        while not lifeline.wait(pause):
            pause = teller.round()
    finally:
        deliveries.close()
        recorder.close()
        teller.close()


if __name__ == "__main__":
    sys.exit(run_child("peak_console.node.hookchild", keep_telling))
