"""``python -m peak_console.node.logchild --root ROOT``: the node's child that writes the log.

It fills ``audits/logs/peak.log`` from the ledger, by following it, and from records that others send.
The log itself is the memory of how far it got: after a kill it goes on behind the last whole line, without a
loss and without a double.
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import EnvironmentUnfit, LedgerUnavailable
from peak_console.domain.redaction import redactor, secrets_of
from peak_console.node.log_file import Line, LogFile, Mark
from peak_console.node.log_follower import BATCH, Follower
from peak_console.node.log_lines import Fields, encode, event_fields, own_fields, record_fields
from peak_console.node.log_records import Records
from peak_console.operations.child import Lifeline, announce, run_child
from peak_console.operations.settings import console_settings

POLL_S: Final = 0.2
"""How often the ledger is asked for news."""
RETRY_S: Final = 1.0
"""How long it is left alone when it, or the log, is not usable."""
CLAIM_S: Final = 10.0
"""How long the log child of an earlier node may take to end."""
DRAIN_S: Final = 2.0
"""How long the end may take, to tell what came last."""

_MB: Final = 1_000_000


class Scribe:
    """Writes the log: one :meth:`round` takes what there is and tells it."""

    def __init__(
        self, log: LogFile, follower: Follower, records: Records, *, environ: Mapping[str, str], clock: Clock
    ) -> None:
        self._log = log
        self._follower = follower
        self._records = records
        self._redact = redactor(secrets_of(environ))
        self._clock = clock
        self._trouble = ""
        self._unwritable = ""
        self._next_try = 0.0
        self._more = False

    def round(self) -> float:
        """Tell what there is; how long to wait for more, in seconds."""
        self._tell_records()
        now = time.monotonic()
        if now < self._next_try:
            return self._next_try - now
        if not self._tell_events():
            self._next_try = now + RETRY_S
            return RETRY_S
        return 0.0 if self._more else POLL_S

    def finish(self, within_s: float) -> None:
        """Tell what came last."""
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            records = self._tell_records()
            if not (self._tell_events() and self._more) and not records:
                return

    def _tell_records(self) -> bool:
        """Whether there were any. With no room to write they are dropped: nobody waits for a log."""
        taken = self._records.take()
        told = [record_fields(one, self._clock.now()) for one in taken]
        unreadable = sum(one is None for one in told)
        lines = [self._line(one) for one in told if one is not None]
        if unreadable:
            lines.append(self._own("warning", "records that cannot be read", count=unreadable))
        if lines:
            self._write(lines)
        return bool(taken)

    def _tell_events(self) -> bool:
        """Whether it could be done."""
        self._more = False
        try:
            events = self._follower.take()
        except LedgerUnavailable as why:
            self._say_trouble(why)
            return False
        lines = [self._own("info", "the ledger can be read again")] if self._trouble else []
        if self._follower.replaced:
            lines.append(self._own("warning", "another ledger stands in the ledger's place"))
        told = [fields for fields in map(event_fields, events) if fields is not None]
        lines += [self._line(fields, Mark(fields["seq"], fields["event_id"])) for fields in told]
        if lines and not self._write(lines):
            self._follower.restart()
            return False
        self._trouble = ""
        if events:
            self._follower.done(events[-1])
        self._more = len(events) >= BATCH
        return True

    def _say_trouble(self, why: LedgerUnavailable) -> None:
        """Once for every kind of trouble."""
        if why.code != self._trouble:
            said = self._own("warning", "the ledger cannot be read", code=why.code, message=why.message)
            if self._write([said]):
                self._trouble = why.code

    def _write(self, lines: list[Line]) -> bool:
        """Whether the lines are in the log. What hinders it is told on standard error, once."""
        try:
            self._log.append(lines, self._first_line)
        except OSError as error:
            why = error.strerror or str(error)
            if why != self._unwritable:
                sys.stderr.write(f"the log cannot be written: {why}\n")
                self._unwritable = why
            return False
        self._unwritable = ""
        return True

    def _first_line(self, told: Mark) -> Line:
        """Begins a new file, and names the place to go on should only others fill it."""
        return self._own("info", "a new file", after_seq=told.seq, after_event_id=told.event_id)

    def _own(self, level: str, event: str, **facts: Any) -> Line:
        return self._line(own_fields(self._clock.now(), level, event, **facts))

    def _line(self, fields: Fields, mark: Mark | None = None) -> Line:
        return Line(encode(fields, self._redact), mark)


def write_log(ws: Workspace, lifeline: Lifeline) -> None:
    """Write the log of a workspace until the lifeline ends."""
    rules = console_settings(ws).log
    try:
        with LogFile(ws.log, max_bytes=rules.max_mb * _MB, keep=rules.keep) as log:
            if not _claimed(log, lifeline):
                return
            log.open()
            with Records(ws.control) as records:
                _serve(ws, lifeline, log, records)
    except OSError as error:
        raise EnvironmentUnfit(
            f"the log {ws.log} cannot be opened: {error.strerror or error}",
            code="log_unwritable",
            remedy="make audits/logs and audits/control writable for this user",
        ) from error


def _serve(ws: Workspace, lifeline: Lifeline, log: LogFile, records: Records) -> None:
    follower = Follower(ws.ledger, log.marks)
    scribe = Scribe(log, follower, records, environ=os.environ, clock=SystemClock())
    announce(log=str(ws.log))
    try:
        while not lifeline.wait(scribe.round(), records.fileno()):
            pass
        scribe.finish(DRAIN_S)
    finally:
        follower.close()


def _claimed(log: LogFile, lifeline: Lifeline) -> bool:
    """Whether the log is ours; false when the lifeline ended first."""
    ends = time.monotonic() + CLAIM_S
    while not log.claim():
        if time.monotonic() > ends:
            raise EnvironmentUnfit(
                "another process writes this workspace's log",
                code="log_claimed",
                remedy="end the log child of an earlier node",
            )
        if lifeline.wait(0.05):
            return False
    return True


if __name__ == "__main__":
    sys.exit(run_child("peak_console.node.logchild", write_log))
