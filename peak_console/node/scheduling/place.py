"""The scheduler's place in a node: what it is given, when it is asked, where it is told of."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peak_console.domain.jobs import KEY_FILE_VARIABLE, RunCause
from peak_console.domain.redaction import redactor
from peak_console.node.key_file import read_key_file
from peak_console.node.scheduling.book import Book
from peak_console.node.scheduling.claims import Claims
from peak_console.node.scheduling.holding import Holding
from peak_console.node.scheduling.operations import JobOperations
from peak_console.node.scheduling.pauses import Pauses
from peak_console.node.scheduling.scheduler import Scheduler
from peak_console.node.scheduling.standing import Standing, Surroundings
from peak_console.node.scheduling.telling import report
from peak_console.node.scheduling.worker_process import MODULE, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from peak_console.config.jobs import Job
    from peak_console.domain.events import EventDraft
    from peak_console.ledger.service.server import Handler
    from peak_console.node.engine import Node
    from peak_console.node.scheduling.standing import Alarm

logger = logging.getLogger(__name__)


class Scheduling:
    """A node's scheduler. Made before the ledger is open; it serves between :meth:`begin` and :meth:`end`."""

    def __init__(self, node: "Node", *, module: str = MODULE) -> None:
        self._node = node
        self._module = module
        self._holding = Holding(node, module)
        self.pauses = Pauses()
        self.claims = Claims()
        self._standing = Standing()
        self._begun = False
        state = node.state
        self.book = Book(
            node.state_thread, node.ws.ledger, state.session, lambda: frozenset(self._standing.running)
        )
        around = Surroundings(
            clock=state.clock,
            root=node.ws.root,
            session=state.session,
            jobs=self._jobs,
            stopped=self._holding.why,
            held_remedy=self._holding.remedy,
            paused=lambda: self.pauses.paused,
            append=self._append,
            make_worker=self._worker,
            alarm=_alarm,
            module=module,
        )
        self.scheduler = Scheduler(self.book, around, self._standing, self.claims)

    def handlers(self) -> "dict[str, Handler]":
        """The operations on jobs."""
        return JobOperations(
            self.scheduler,
            self.book,
            serves=self._node.state.leasing,
            stopped=self._holding.why,
            paused=lambda: self.pauses.paused,
            note=lambda: self.note,
            append=self._append,
        ).handlers()

    @property
    def note(self) -> str:
        """What happened to the working state; empty where nothing did."""
        return "; ".join(filter(None, (self._node.state_thread.note, self.book.rebuilt)))

    async def begin(self) -> None:
        """Schedule from now on."""
        self._begun = True
        watch = self._node.watch
        await self.scheduler.begin()
        watch.each_second.append(self._second)
        watch.on_posture_changed.append(lambda _, after: self.scheduler.posture_changed(calls=after.calls))

    async def run(self) -> None:
        """Serve until cancelled."""
        await self.scheduler.run()

    async def end(self) -> None:
        """End the workers, and tell it."""
        if self._begun:
            await self.scheduler.end()

    async def ask(
        self,
        job: str,
        *,
        cause: RunCause,
        params: Mapping[str, Any] | None = None,
        asked_by: str,
        reason: str,
    ) -> str:
        """Have a job run now, for a part of the node; gives its key. Raises ``ControlRefused``."""
        return await self.scheduler.ask(job, cause=cause, params=params, asked_by=asked_by, reason=reason)

    def jobs(self) -> "Mapping[str, Job]":
        """The jobs as the config was read last."""
        return self._standing.jobs

    def report(self) -> dict[str, Any]:
        """For the node's status."""
        return report(self._standing, self._holding.why(), self.pauses.paused, self.note)

    # -- what the scheduler asks of the node

    def _jobs(self) -> "tuple[Sequence[Job], str]":
        state = self._node.state
        configs = state.configs.current(state.facts.phase.level)
        return configs.whole_jobs().job, configs.digests.get("jobs", "none")

    async def _append(self, drafts: "Sequence[EventDraft]") -> object:
        return await self._node.server.append(drafts, actor="node")

    def _worker(self) -> WorkerProcess:
        """A worker with the environment file as it is now: a key that was added needs no other node."""
        node = self._node
        node.key_file = file = read_key_file(node.key_file.path, node.ws.root)
        place = {KEY_FILE_VARIABLE: str(file.path)} if file.path else {}
        redact = redactor(file.values.values())
        environment = {**file.values, **place}
        return WorkerProcess(node.ws.root, module=self._module, environment=environment, redact=redact)

    def _second(self) -> None:
        seen = self.pauses.version
        if seen != self._seen_pauses:
            self._seen_pauses = seen
            self.scheduler.wake()
        self.scheduler.look()

    _seen_pauses = 0


def _alarm(ring: "Callable[[str], object]") -> "Alarm":
    from peak_console.node.scheduling.alarm import AlarmClock  # noqa: PLC0415 - a node loads it, no command

    return AlarmClock(ring)
