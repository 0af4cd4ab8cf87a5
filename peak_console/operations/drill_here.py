"""The part of a drill that happens here: this workspace's own folder, node, lease and workers.

A scope of kind ``drill`` goes the way of every scope's stop: node's memory, lease and record, workers'
acknowledgement, an operator's proof. It covers no call and no order, and lowers nothing else; where something
fails on the way nothing is stopped for it either.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.files import LEASE, SIZE_LIMIT
from peak_console.control.gate import CallGate
from peak_console.control.keys import KeyStore
from peak_console.control.lowering import CONNECT_S, READ_BACK_S, Lower
from peak_console.control.sockets import find_socket
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError
from peak_console.domain.incidents import DrillKind
from peak_console.domain.stopping import ScopeKind
from peak_console.domain.text import one_line
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.drills import DrillStep
from peak_console.operations.enable import CONFIRM_WORD, choose_operator, enable_scope
from peak_console.operations.workers import acknowledgements

TRIED_HERE: Final = frozenset({DrillKind.STOP, DrillKind.DISARM})
"""Drills that hold only where this workspace's own node, lease and workers did what they are there for."""

FOLDER: Final = "control folder here"
NODE: Final = "node here"
SHOWN: Final = "lease here"
WORKERS: Final = "workers here"
LIFTED: Final = "lifted here"

NOT_TRIED: Final = "not tried: no node runs"

_ACK_S: Final = 3.0
_ROOM: Final = 256
"""Bytes that a lease must have left: one that is full stops everything, and a drill must not."""
_POLL_S: Final = 0.005
_REASON: Final = "drill"

Tell = Callable[[DrillStep], object]


def drill_here(
    ws: Workspace,
    *,
    by: str | None = None,
    told: Tell = lambda _: None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> tuple[DrillStep, ...]:
    """Lower a drill's scope through the node that runs here, see it held, and lift it again. Never raises.

    ``by`` is the operator who lifts it. What fails, or cannot be tried, is a step that is not ok; the first
    such ends it, but for the lift.
    """
    environ = os.environ if environ is None else environ
    here = _Here(ws, by, told, environ, clock or SystemClock())
    with suppress(_Broken):
        here.walk()
    return tuple(here.steps)


class _Broken(Exception):
    """A step failed; it is told already."""


class _Here:
    def __init__(
        self, ws: Workspace, by: str | None, told: Tell, environ: Mapping[str, str], clock: Clock
    ) -> None:
        self._ws, self._by, self._told = ws, by, told
        self._environ, self._clock = environ, clock
        self._gate = CallGate(ws.control, clock, environ)
        self._scope = f"{ScopeKind.DRILL.value}:{secrets.token_hex(6)}"
        self.steps: list[DrillStep] = []

    def walk(self) -> None:
        with self._step(FOLDER) as told:
            told.append(self._write_and_remove())
        with self._step(NODE) as told:
            client = self._connected()
        with client:
            self._through(client)

    def _through(self, client: BlockingLedgerClient) -> None:
        before = self._gate.posture()
        try:
            with self._step(NODE) as told:
                told.append(self._lower(client))
            with self._step(SHOWN) as told:
                self._shown()
                after = self._gate.posture()
                if (before.calls, before.orders) != (after.calls, after.orders):
                    raise PeakError("what may be called or ordered changed meanwhile")
                told.append("shown, and it stops nothing")
            with self._step(WORKERS) as told:
                told.append(self._acknowledged(client))
        finally:
            with self._step(LIFTED) as told:
                told.append(self._lift(client))

    @contextmanager
    def _step(self, name: str) -> Iterator[list[str]]:
        """One step, told when it is over; what it says goes into the list. Without any it is not told."""
        words: list[str] = []
        began = time.monotonic()
        ok = True
        try:
            yield words
        except PeakError as error:
            ok = False
            words.append("; ".join(filter(None, (error.message, error.remedy))))
        except OSError as error:
            ok = False
            words.append(error.strerror or str(error))
        if words:
            ms = round((time.monotonic() - began) * 1000)
            step = DrillStep(name, ms, ok, one_line(words[-1], 300))
            self.steps.append(step)
            self._told(step)
        if not ok:
            raise _Broken

    def _write_and_remove(self) -> str:
        """What a stop does to the folder, with a file of our own: nobody else's right will do."""
        path = self._ws.control / f".drill-{secrets.token_hex(6)}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, b"drill\n")
            os.fsync(handle)
        finally:
            os.close(handle)
            path.unlink()
        return "this user may write and remove there"

    def _connected(self) -> BlockingLedgerClient:
        choose_operator(
            KeyStore(self._ws.keys, self._environ), self._by
        )  # who lifts it, before it is lowered
        try:
            path = find_socket(self._ws.control)
            return BlockingLedgerClient.connect(path, name="peak incident drill", deadline_s=CONNECT_S)
        except (PeakError, OSError) as error:
            raise PeakError(NOT_TRIED, code="node_unreachable", remedy="start it: peak node start") from error

    def _lower(self, client: BlockingLedgerClient) -> str:
        if (self._ws.control / LEASE).stat().st_size > SIZE_LIMIT - _ROOM:
            raise PeakError("not tried: the lease has no room for one more scope")
        fields = {
            "what": Lower.STOP.value,
            "scope": self._scope,
            "reason": _REASON,
            "operator": self._by or "",
        }
        reply = client.request("control.lower", deadline_s=READ_BACK_S, **fields)
        if reply.get("recorded") is not True or reply.get("shown") is not True:
            raise PeakError("the node could not record it, or not write its lease: see peak status")
        return f"{self._scope} lowered and recorded as #{reply.get('seq')}"

    def _shown(self) -> None:
        until = time.monotonic() + READ_BACK_S
        while not self._says():
            if time.monotonic() >= until:
                raise PeakError(f"the lease did not show it within {READ_BACK_S:.0f} s")
            time.sleep(_POLL_S)

    def _says(self) -> bool:
        lease = self._gate.lease()
        return lease is not None and self._scope in lease.stopped_scopes

    def _acknowledged(self, client: BlockingLedgerClient) -> str:
        stop_id = str(self._mark(client).get("stop_id", ""))
        found = acknowledgements(self._ws, stop_id, patience_s=_ACK_S)
        if not found.ok or found.problem or (found.workers and not (found.announced and found.over)):
            raise PeakError(found.detail, remedy=found.remedy)
        return found.detail

    def _lift(self, client: BlockingLedgerClient) -> str:
        if not self._mark(client):
            return "nothing of it stands"
        done = enable_scope(
            self._ws,
            client,
            scope=self._scope,
            reason=_REASON,
            confirm=CONFIRM_WORD,
            operator=self._by,
            environ=self._environ,
            clock=self._clock,
        )
        if not done.shown:
            raise PeakError(f"the lease still says {self._scope}", remedy="see: peak status")
        return f"by {done.operator}'s proof, #{done.seq}"

    def _mark(self, client: BlockingLedgerClient) -> Mapping[str, object]:
        """The drill's stop as the node has it on record; empty where it has none."""
        lowered = client.request("control").get("lowered")
        found = lowered.get(self._scope) if isinstance(lowered, dict) else None
        return found if isinstance(found, dict) else {}
