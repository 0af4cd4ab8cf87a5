"""The node's loop: look at files, configs and health, record what stands unrecorded, renew the lease."""

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from peak_console.control.files import perform, run
from peak_console.control.folder import RealFolder, exists
from peak_console.control.history import Observed, observe_steps, unrecorded_stop
from peak_console.control.slowing import KIND
from peak_console.control.stop import stop_now
from peak_console.domain.clock import iso
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.posture import PostureReason
from peak_console.domain.text import one_line
from peak_console.ledger.service.server import LedgerServer
from peak_console.node.children import clean_environment
from peak_console.node.folding import NOT_YET, Folded
from peak_console.node.leasing import LeaseKeeper
from peak_console.node.matrix_approvals import MATRIX_UNAPPROVED
from peak_console.node.ramping import Ramping
from peak_console.node.state import NodeState
from peak_console.node.unrecorded import Unrecorded
from peak_console.node.version_keeping import VersionKeeper

TICK_S: Final = 0.05
CONFIGS_EVERY: Final = 4
"""Ticks between looks at the configs."""

IDLE_CHECKPOINT_S: Final = 30
_PROBE_EVERY = 20
_VERIFY_LIMIT_S = 3600

logger = logging.getLogger(__name__)


class Watch:
    """Ticks twenty times a second; each tick is some tens of microseconds."""

    def __init__(self, state: NodeState, server: LedgerServer, keeper: LeaseKeeper) -> None:
        self._state = state
        self._server = server
        self._keeper = keeper
        self._folder = RealFolder(state.ws.control)
        self._ticks = 0
        self._unrecorded = Unrecorded()
        self._ramping = Ramping(state, self._append)
        self._busy: set[asyncio.Task[None]] = set()
        self.versions = VersionKeeper(state.ws)
        self._checkpointed = (0, 0)
        self.folded = NOT_YET
        self.on_posture_changed: list[Callable[[Folded, Folded], object]] = []
        """Called with what held and what holds, on the node's loop; what they end is in the lease at once."""
        self.before_lease: list[Callable[[], object]] = []
        """Called before every look at the lease: what is over by then is not shown again; short work only."""
        self.each_second: list[Callable[[], object]] = []
        """Called each second on the node's loop; short work only."""
        self._read_configs()

    def look(self) -> None:
        """Look at the control folder now; what cannot be read counts as stopped."""
        try:
            self._state.seen = run(observe_steps(), lambda action: perform(action, self._folder))
        except OSError as error:
            self._state.seen = Observed(enabling=None, enabled=None, stop=f"unreadable: {error.strerror}")

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        following = loop.time()
        while True:
            self.tick()
            following = max(following + TICK_S, loop.time())
            await asyncio.sleep(following - loop.time())

    def tick(self) -> None:
        """One round."""
        state = self._state
        state.last_tick_us = state.clock.boot_us()
        self._ticks += 1
        history = state.facts.history  # read before the folder: see unrecorded_stop
        self.look()
        if self._ticks % CONFIGS_EVERY == 0:
            self.check_configs()
        fault = self._server.last_error
        state.fault = fault.code if isinstance(fault, LedgerUnavailable) else ""
        due = self._unrecorded.due(unrecorded_stop(history, state.seen), state.last_tick_us)
        if due is not None:
            self._spawn(due)
        if state.fault and self._ticks % _PROBE_EVERY == 0:
            self._append(EventKind.LEDGER_RECOVERED, {"fault": state.fault})
        if self._ticks % _PROBE_EVERY == 0:
            for due_now in self.each_second:
                due_now()
        self._renew()
        if self._ticks % int(IDLE_CHECKPOINT_S / TICK_S) == 0:
            self._checkpoint_when_idle()

    def renew_now(self) -> Folded:
        """Look at the folder, fold, and write the lease where it says something new; gives what holds.

        For whoever changed the node's memory: what holds is shown before this returns.
        """
        self.look()
        return self._renew()

    @property
    def lease_error(self) -> str:
        """Why the lease could not be written last; empty when it could, and where this node holds none."""
        return self._keeper.error

    @property
    def lease_stands(self) -> bool:
        """Whether there is a lease at all, of whatever age."""
        return exists(os.fspath(self._keeper.path))

    def _renew(self) -> Folded:
        state, before = self._state, self.folded
        if not state.leasing:
            return before
        for due in self.before_lease:
            due()
        state.ramp_pct = self._ramping.share()
        seq, _ = self._server.writer.head
        waited_us = self._server.oldest_wait_us()
        if state.arm is not None:
            folded = self._keeper.fold(waited_us)
            if not folded.calls or folded.enabled != before.enabled:
                state.arm = None  # arming never outlives the enable under which it was granted
        self.folded = self._keeper.renew(seq, waited_us)
        if self.folded != before:
            for told in self.on_posture_changed:
                told(before, self.folded)
            self.folded = self._keeper.renew(seq, waited_us)  # what they ended is shown at once
        self._stop_what_cannot_be_named()
        return self.folded

    def _stop_what_cannot_be_named(self) -> None:
        """Scopes that do not fit the lease: a real stop, which cuts what is in flight and is on record."""
        if PostureReason.TOO_MANY_SCOPES.value not in self.folded.reasons or self._state.seen.enabled is None:
            return
        if self._state.seen.stop is None:
            said = f"{len(self._state.stopped_scopes)} stopped scopes are more than a lease can name"
            stop_now(self._state.ws.control, reason=said, operator="node")
            self.look()

    def check_configs(self) -> None:
        """See whether the configs changed; a change is on record, broken ones forbid calls."""
        before, broken = self._state.digests, self._state.config_error
        self._read_configs()
        after = self._state.digests
        if self._state.config_error and not broken:
            self._append(EventKind.CONFIG_CHANGED, {"file": "configs", "old": "valid", "new": "invalid"})
        for name in sorted(set(before) | set(after)):
            if before.get(name) != after.get(name):
                body = {"file": name, "old": before.get(name), "new": after.get(name)}
                body |= self._state.slowing() if name == KIND else {}
                self._append(EventKind.CONFIG_CHANGED, body)

    async def verify_whole(self, told: Callable[[], object] = lambda: None) -> None:
        """Have a child verify the ledger, what is new first and then all; a break stops the workspace.

        What it finds broken stays so until the node is new. ``told`` is called after each verdict.
        """
        words = (
            sys.executable,
            "-m",
            "peak_console.node.verifychild",
            "--root",
            os.fspath(self._state.ws.root),
        )
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(os.environ),
        )
        any_said = False
        try:
            async with asyncio.timeout(_VERIFY_LIMIT_S):
                if process.stdout is not None:
                    async for said in process.stdout:
                        self._take_verdict(said)
                        told()
                        any_said = True
                await process.wait()
        except TimeoutError:
            logger.warning("the whole chain could not be verified within %s s", _VERIFY_LIMIT_S)
            return
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if not any_said:
            logger.warning("the verification of the chain ended without a result")

    # -- within

    def _read_configs(self) -> None:
        state = self._state
        try:
            configs = state.configs.current(state.facts.phase.level)
        except ConfigInvalid as error:
            state.config_error, state.config_file = error.code, _file_of(error)
        else:
            refused = state.approvals.refused(configs.digests["matrix"], state.clock.now())
            state.config_file = ""
            state.digests, state.config_error = configs.digests, MATRIX_UNAPPROVED if refused else ""
            if state.leasing:
                self.versions.look(configs)

    def _append(self, kind: EventKind, body: dict[str, Any]) -> None:
        self._spawn(EventDraft(new_event_id(secrets.token_bytes), kind.value, body))

    def _spawn(self, draft: EventDraft) -> None:
        """Append an event of the node's own, behind; a failure shows as the ledger's fault."""

        async def append() -> None:
            try:
                await self._server.append([draft], actor="node")
            except PeakError as error:
                logger.warning("%s could not be recorded: %s", draft.kind, error.message)

        if len(self._busy) < _BUSY_LIMIT:
            task = asyncio.ensure_future(append())
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    def _checkpoint_when_idle(self) -> None:
        """Cut the write-ahead log when nobody appended since the last look."""
        seq, _ = self._server.writer.head
        last_seq, done_seq = self._checkpointed
        if seq == last_seq and seq != done_seq and not self._server.oldest_wait_us():
            with suppress(LedgerUnavailable):
                self._server.writer.checkpoint()
            done_seq = seq
        self._checkpointed = (seq, done_seq)

    def _take_verdict(self, said: bytes) -> None:
        verified = self._state.verified
        try:
            found = json.loads(said)
            ok, events, whole = bool(found["ok"]), int(found["events"]), found.get("whole") is True
        except (ValueError, KeyError, TypeError):
            logger.warning("the verification of the chain ended without a result")
            return
        verified.ok, verified.events, verified.at = ok, events, iso(self._state.clock.now())
        verified.whole = verified.whole or whole
        verified.signed = found["signed"] if type(found.get("signed")) is int else 0
        verified.anchor = one_line(str(found.get("anchor", "")))
        if not ok:
            verified.broken = one_line(str(found.get("broken", ""))) or "it does not verify"


def _file_of(error: ConfigInvalid) -> str:
    """The file that it names first, before the line; empty where it names none."""
    file, colon, _ = error.message.partition(":")
    return one_line(file, 60) if colon and " " not in file else ""


_BUSY_LIMIT = 64
