"""The gate: the last question before every send, answered from three small files; and the watch in flight."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import ENABLED, LEASE, STOP, decode, text_field
from peak_console.control.folder import exists, read_file
from peak_console.control.posture import EnabledFile, LeaseFile, Sources, StopFile, effective, truth
from peak_console.control.scopes import NOTHING, Halt, Halts, Subject, halts_of
from peak_console.domain.clock import Clock, unix_us
from peak_console.domain.posture import Posture, PostureReason
from peak_console.domain.stopping import GLOBAL

WATCH_INTERVAL_S: Final = 0.010

HALTING: Final = frozenset(
    {
        PostureReason.TOO_MANY_SCOPES.value,
        PostureReason.INCIDENT_STOPPED.value,
        PostureReason.LEDGER_BROKEN.value,
    }
)
"""Reasons of a lease that cut what is in flight: each stays until a person mends it.

A config that is broken or a disk that is full for a moment lets a paid answer come in.
"""


class CallGate:
    """Reads ``ENABLED``, ``STOP`` and the lease anew for every question; never SQL, never the network.

    ``environ`` is read once: another process cannot change this one's environment. What was parsed is kept
    by its exact bytes only, so that an answer is never older than the files. Safe to share between threads.
    """

    def __init__(
        self,
        control_dir: Path,
        clock: Clock,
        environ: Mapping[str, str] | None = None,
        *,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._clock = clock
        self._boot = boot
        self._enabled_path = os.fspath(control_dir / ENABLED)
        self._stop_path = os.fspath(control_dir / STOP)
        self._lease_path = os.fspath(control_dir / LEASE)
        self._ai_enabled = truth(environ.get("AI_ENABLED"))
        self._ai_armed = truth(environ.get("AI_ARMED"))
        self._enabled_seen: tuple[bytes, EnabledFile] = (b"", _enabled_file(b""))
        self._lease_seen: tuple[bytes, LeaseFile] = (b"", _lease_file(b""))
        self._halts_seen: tuple[leases.Lease | None, Halts] = (None, NOTHING)

    def posture(self) -> Posture:
        """The effective posture now; never raises, and what cannot be read permits nothing."""
        return effective(self.sources(), self._clock.boot_us(), unix_us(self._clock.now()))

    def standing(self) -> tuple[Posture, Halts]:
        """The posture and what is halted, of one look at the files."""
        sources = self.sources()
        return effective(sources, self._clock.boot_us(), unix_us(self._clock.now())), halts_of(
            sources.lease.lease
        )

    def halts(self) -> Halts:
        """What is halted now; the same object while the lease is the same."""
        lease = self._lease().lease
        seen, halts = self._halts_seen
        if lease is not seen:
            fresh = halts_of(lease)
            halts = halts if fresh == halts else fresh
            self._halts_seen = (lease, halts)
        return halts

    def lease(self) -> leases.Lease | None:
        """The lease as it stands, whether or not it counts; for what it tells besides the posture."""
        return self._lease().lease

    def stopped(self) -> str | None:
        """Why calls in flight must be cancelled now, ``None`` while they may go on.

        Only a stop cancels, and the node's word of what stops for good; a lapse does not: what is in flight
        then runs to its deadline.
        """
        if exists(self._stop_path):
            return PostureReason.STOP_PRESENT.value
        if not exists(self._enabled_path):
            return PostureReason.NOT_ENABLED.value
        return self._told_to_halt()

    def _told_to_halt(self) -> str | None:
        """The reason of a lease that counts and forbids calls for good."""
        lease = self._lease().lease
        if lease is None or lease.calls:
            return None
        reason = next((one for one in lease.reasons if one in HALTING), None)
        if reason is None:
            return None
        try:
            invalid = leases.invalid(lease, now_us=self._clock.boot_us(), boot_id=self._boot())
        except OSError:
            return None
        return reason if invalid is None else None

    def sources(self) -> Sources:
        """The sources as they are now."""
        try:
            boot = self._boot()
        except OSError:
            boot = ""
        # the permitting file first, the forbidding one after it: what is seen as enabled and not stopped
        # was both at one moment
        enabled, lease = self._enabled(), self._lease()
        return Sources(enabled, self._stop(), lease, boot, self._ai_enabled, self._ai_armed)

    def _enabled(self) -> EnabledFile:
        try:
            data = read_file(self._enabled_path)
        except NotADirectoryError:
            return EnabledFile()
        except OSError:
            return EnabledFile(problem=PostureReason.CONTROL_FOLDER_UNREADABLE)
        if data is None:
            return EnabledFile()
        seen, parsed = self._enabled_seen
        if data != seen:
            parsed = _enabled_file(data)
            self._enabled_seen = (data, parsed)
        return parsed

    def _stop(self) -> StopFile:
        if not exists(self._stop_path):
            return StopFile()
        with contextlib.suppress(OSError, ValueError):
            at = text_field(read_file(self._stop_path), "at")
            return StopFile(present=True, since=datetime.fromisoformat(at) if at else None)
        return StopFile(present=True)

    def _lease(self) -> LeaseFile:
        try:
            data = read_file(self._lease_path)
        except OSError:
            return LeaseFile(problem=PostureReason.LEASE_CORRUPT)
        if data is None:
            return LeaseFile()
        seen, parsed = self._lease_seen
        if data != seen:
            parsed = _lease_file(data)
            self._lease_seen = (data, parsed)
        return parsed


def _enabled_file(data: bytes) -> EnabledFile:
    fields = decode(data)
    event_id = fields.get("event_id") if fields else None
    if isinstance(event_id, str) and event_id:
        return EnabledFile(event_id=event_id)
    return EnabledFile(problem=PostureReason.ENABLED_UNREADABLE)


def _lease_file(data: bytes) -> LeaseFile:
    lease = leases.decode(data)
    return LeaseFile(lease) if lease else LeaseFile(problem=PostureReason.LEASE_CORRUPT)


@dataclass(slots=True)
class _Watched:
    on_halt: Callable[[Halt], None]
    subject: Subject | None
    judged: Halts | None = None
    """By what it was judged last and may go on."""


class InFlight:
    """A thread that asks the gate every 10 ms while anything is in flight, and cancels what a stop covers.

    A global stop cancels all of it, a stop of a part what names its subject. ``on_halt`` is called once, from
    the watching thread, with what halted it; hand it on to an event loop with ``call_soon_threadsafe``.
    What begins under a stop is cancelled at the next look. The lease is read only while something is in
    flight that has a subject.
    """

    def __init__(self, gate: CallGate, interval_s: float = WATCH_INTERVAL_S) -> None:
        self._gate = gate
        self._interval_s = interval_s
        self._changed = threading.Condition()
        self._watched: dict[int, _Watched] = {}
        self._next = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self.cancelled = 0
        """How many were cancelled so far."""

    @contextlib.contextmanager
    def watch(self, on_halt: Callable[[Halt], None], subject: Subject | None = None) -> Iterator[None]:
        """While inside, a stop calls ``on_halt``; without a ``subject`` only a global one does."""
        with self._changed:
            self._next += 1
            token = self._next
            self._watched[token] = _Watched(on_halt, subject)
            if self._thread is None:
                self._closed = False
                self._thread = threading.Thread(target=self._run, name="peak-in-flight", daemon=True)
                self._thread.start()
            elif len(self._watched) == 1:
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(token, None)

    def __len__(self) -> int:
        """How many are in flight and not cancelled."""
        return len(self._watched)

    def look(self) -> None:
        """Ask the gate now, in this thread, and cancel what must be."""
        reason = self._gate.stopped()
        if reason is not None:
            self._cancel(dict.fromkeys(list(self._watched), Halt(GLOBAL, why=reason)))
            return
        halts = self._gate.halts()
        if halts.stopped:
            self._cancel(self._covered(halts))

    def close(self) -> None:
        """End the thread; what is still in flight is no longer watched."""
        with self._changed:
            self._closed = True
            self._watched.clear()
            self._changed.notify_all()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched or self._closed)
                if self._closed:
                    return
            self.look()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=self._interval_s)

    def _covered(self, halts: Halts) -> dict[int, Halt]:
        """What ``halts`` cuts; each is judged once by the same."""
        found: dict[int, Halt] = {}
        with self._changed:
            watched = list(self._watched.items())
        for token, one in watched:
            if one.subject is None or one.judged is halts:
                continue
            halt = halts.cutting(one.subject)
            if halt is not None:
                found[token] = halt
            one.judged = halts
        return found

    def _cancel(self, halted: Mapping[int, Halt]) -> None:
        with self._changed:
            cut = [(one, halt) for token, halt in halted.items() if (one := self._watched.pop(token, None))]
            self.cancelled += len(cut)
        for one, halt in cut:
            with contextlib.suppress(RuntimeError):  # its loop has closed: nothing is left to cancel
                one.on_halt(halt)
