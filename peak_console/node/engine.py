"""The node itself: composes the ledger's writer and server, lease, watch and children; computes nothing."""

import asyncio
import contextlib
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.filesystem import refuse_network
from peak_console.control.folder import prepare
from peak_console.control.keys import KeyStore, verify_proof
from peak_console.control.sockets import NODE_SOCKET, prepare_socket, socket_path
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import EnvironmentUnfit, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.ledgering import Ack
from peak_console.domain.text import one_line
from peak_console.ledger.service.privileges import Proof
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.service.wire import PROTOCOL
from peak_console.node.arm_place import arming_of, attach
from peak_console.node.beginning import foreign_beginning, refuse_a_second_beginning
from peak_console.node.children import Child
from peak_console.node.detecting import Detecting
from peak_console.node.direct_lowering import DirectLowering
from peak_console.node.draft_book import DraftBook
from peak_console.node.genesis import Genesis, genesis_drafts, version
from peak_console.node.health import broken_head, this_boot
from peak_console.node.hook_words import HookWords
from peak_console.node.hooking import keep_hooks
from peak_console.node.key_file import read_key_file
from peak_console.node.leasing import LeaseKeeper, write_node_file
from peak_console.node.lock import NodeLock
from peak_console.node.lowering import Lowering
from peak_console.node.notarizing import Notarizing, told_of
from peak_console.node.retaining import keep_pruning, record_migrations
from peak_console.node.scheduling.place import Scheduling
from peak_console.node.scheduling.worker_process import MODULE
from peak_console.node.state import NodeState
from peak_console.node.state_thread import StateThread
from peak_console.node.status import handlers
from peak_console.node.stop_notices import attending
from peak_console.node.trigger_place import begin as begin_triggers
from peak_console.node.trigger_place import opening_of, order_breakers_of
from peak_console.node.watching import Watch
from peak_console.node.writer_place import folds_of, writer_of
from peak_console.node.writer_rules import WriterRules
from peak_console.operations.settings import console_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

ACTOR = "node"
_TICK_LIMIT_US = 2_000_000

logger = logging.getLogger(__name__)


class Node:
    """One workspace's node. Between :meth:`start` and :meth:`close` this process is it.

    With ``leasing`` false it serves a single command: the same lock, ledger and socket, no lease and no
    children. ``genesis`` says how a workspace without a ledger begins.
    """

    def __init__(
        self,
        ws: Workspace,
        *,
        clock: Clock | None = None,
        genesis: Genesis | None = None,
        leasing: bool = True,
        children: bool = True,
        environment_file: Path | None = None,
        job_module: str = MODULE,
    ) -> None:
        self.ws = ws
        self.socket_path = socket_path(ws.control, NODE_SOCKET)
        self.stopping = asyncio.Event()
        self._clock = clock or SystemClock()
        self._genesis = genesis or Genesis()
        self._leasing = leasing
        self._with_children = children and leasing
        self._job_module = job_module
        self.key_file = read_key_file(environment_file, ws.root)
        """Provider keys of jobs and gateway; the node and its other children never get them."""
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[Callable[[], object]] = []
        self._exit_reason = "asked to end"
        self._started = iso(self._clock.now())
        self._listening = False
        self.children: list[Child] = []

    async def start(self) -> None:
        """Become the node and serve.

        Raises ``EnvironmentUnfit``: on a network file system, beside another node, without a usable ledger.
        """
        refuse_network(self.ws.root)
        try:
            self._make_folders()
            self._lock = NodeLock(self.ws.audits)
        except OSError as error:
            raise _unwritable(self.ws.audits, error) from error
        self._closers.append(self._lock.release)
        try:
            await self._open()
        except BaseException:
            if self._listening:
                await self.server.close()
            self._undo()
            raise

    async def run(self) -> None:
        """Serve until asked to end, then close."""
        try:
            await self.stopping.wait()
        finally:
            await self.close()

    def advanced(self) -> bool:
        """Whether the loop ticked lately: the sign of life that a watchdog asks for."""
        return self._clock.boot_us() - self.state.last_tick_us < _TICK_LIMIT_US

    def ask_to_end(self, reason: str) -> None:
        """End soon."""
        self._exit_reason = reason
        self.stopping.set()

    async def close(self) -> None:
        """End children, record the end, give up the lease, the socket and the lock."""
        await self.scheduling.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.keeper.withdraw()
        if self._leasing:
            ended = {"session": self.state.session, "reason": self._exit_reason}
            last = [*self.arming.last_words(), _own(EventKind.NODE_STOPPED, ended)]
            try:
                async with asyncio.timeout(2):
                    await self.server.append(last, actor=ACTOR)
            except (PeakError, TimeoutError) as error:
                logger.warning("the end of this node could not be recorded: %s", error)
        await self.notarizing.end()  # it signs the end as well
        await self.server.close()
        self._undo()

    # -- opening

    def _make_folders(self) -> None:
        self.ws.audits.mkdir(parents=True, exist_ok=True)
        self.ws.runs.mkdir(exist_ok=True)
        prepare(self.ws.control, group_of=self.ws.root)

    async def _open(self) -> None:
        self.rules = WriterRules(self)
        folds = folds_of(self.rules, self._clock)
        self.state = NodeState(
            ws=self.ws,
            clock=self._clock,
            configs=ConfigCache(self.ws, clock=self._clock),
            facts=folds.facts,
            breakers=folds.breakers,
            reservations=folds.reservations,
            boot_id=this_boot(),
            session=secrets.token_hex(8),
            leasing=self._leasing,
            last_tick_us=self._clock.boot_us(),
        )
        self.detecting = Detecting(self.state)
        self.state_thread = StateThread(self.ws.state)
        self._closers.append(self.state_thread.close)
        self.scheduling = Scheduling(self, module=self._job_module)
        refuse_a_second_beginning(self.ws)
        self.writer = writer_of(self, folds)
        self._closers.append(self.writer.close)
        self.state.verified.broken = broken_head(self.ws.ledger) or foreign_beginning(self.ws)
        self.keeper = LeaseKeeper(self.state)
        self._begin_ledger()
        self.arming, arm_handlers = arming_of(self, folds.armed, self._authorise)
        self.notices = attending(self, folds.reservations.clients)
        self.drafts = DraftBook(self.state_thread)
        self.server = LedgerServer(
            self.writer,
            self.socket_path,
            authorise=self._authorise,
            clock=self._clock,
            handlers={**handlers(self), **arm_handlers, **self.notices.handlers()},
            claims=self.scheduling.claims.of,
            open_calls=folds.reservations,
            attendance=self.notices.workers,
            foresee=lambda *told: self.direct.foresee(*told),  # noqa: PLW0108 - it is made later
        )
        self.notarizing = Notarizing(
            self.ws.root, self._append_own, self._contradicted, self._write_node_file
        )
        self.watch = Watch(self.state, self.server, self.keeper)
        self.lowering = Lowering(self.state, self.watch, self._append_as)
        self.direct = DirectLowering(self.lowering, self.watch)
        self.notices.follow(self.watch)
        self.opening = opening_of(self)
        self.order_breakers = order_breakers_of(self)
        attach(self)
        self.watch.look()
        try:
            prepare_socket(self.socket_path)
            await self.server.start()
        except OSError as error:
            raise _unwritable(self.socket_path, error) from error
        self._listening = True
        if self._leasing:
            await self._enter_service()
        self._run(keep_pruning(folds.pruning, self.server))

    def _begin_ledger(self) -> None:
        key = None
        with contextlib.suppress(PeakError):  # the notary tells of a key that cannot be read
            key = KeyStore(self.ws.keys).raw_public()
        drafts = genesis_drafts(self._genesis, key)
        if self.writer.head[0]:
            drafts = [] if self.state.facts.operators else drafts[1:]
        for draft in drafts:
            (result,) = self.writer.append([(draft, ACTOR)])
            if isinstance(result, PeakError):
                raise result
        record_migrations(self.writer, ACTOR)

    async def _enter_service(self) -> None:
        begun = {
            "pid": os.getpid(),
            "session": self.state.session,
            "version": version(),
            "sqlite_version": self.server.status()["sqlite"],
            "boot_id": self.state.boot_id,
            "digests": dict(self.state.digests),
            **self.state.slowing(),
            "watches": True,  # its triggers, from here to its end
        }
        await self.server.append([_own(EventKind.NODE_STARTED, begun)], actor=ACTOR)
        self.arming.begin()
        self._write_node_file()
        self.watch.tick()
        begin_triggers(self)
        await self.scheduling.begin()
        drifting = self.detecting.drift.run(self.state_thread, self.opening)
        loops = [self.watch.run(), self.scheduling.run(), drifting]
        if self._with_children:
            self.notarizing.start()
            self.children = self._make_children()
            loops += [child.keep() for child in self.children]
            self.children.insert(0, self.notarizing.child)
            loops.append(keep_hooks(self.ws, self.children, said=HookWords(self._append_own)))
            loops.append(self._verify())
        self._run(*loops)

    def _make_children(self) -> list[Child]:
        log = Child("log", "peak_console.node.logchild", self.ws.root)
        index = Child("index", "peak_console.node.indexchild", self.ws.root)
        if not console_settings(self.ws).exporters.metrics.enabled:
            return [log, index]
        metrics = Child("metrics", "peak_console.http", self.ws.root, said=self._metrics_said)
        return [metrics, log, index]

    def _run(self, *loops: "Coroutine[Any, Any, None]") -> None:
        for loop in loops:
            task = asyncio.create_task(loop)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def _verify(self) -> None:
        await self.watch.verify_whole(self._write_node_file)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part of the node that failed ends the node: the next one begins from what is durable."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("a part of the node failed", exc_info=error)
            self.ask_to_end(f"failed: {type(error).__name__}: {one_line(str(error))}")

    def _write_node_file(self) -> None:
        fields: dict[str, Any] = {
            "pid": os.getpid(),
            "uid": os.getuid(),
            "boot_id": self.state.boot_id,
            "session": self.state.session,
            "protocol": PROTOCOL,
            "socket": str(self.socket_path),
            "started": self._started,
            "metrics_url": self.state.metrics_url,
            "verified": self.state.verified.as_dict(),
            "notary": told_of(self.notarizing.status),
        }
        try:
            write_node_file(self.state, fields)
        except OSError as error:
            logger.warning("node.json could not be written: %s", error)

    async def _append_as(self, drafts: "Sequence[EventDraft]", actor: str) -> list[Ack]:
        return await self.server.append(drafts, actor=actor)

    async def _append_own(self, drafts: "Sequence[EventDraft]") -> None:
        await self.server.append(drafts, actor=ACTOR)

    def _contradicted(self, how: str) -> None:
        """The ledger is not what was signed: nothing may be permitted on it."""
        self.state.verified.ok, self.state.verified.broken = False, how
        if self._leasing:
            self._write_node_file()

    def _metrics_said(self, fields: dict[str, Any]) -> None:
        url = fields.get("url")
        if isinstance(url, str):
            self.state.metrics_url = url
            self._write_node_file()

    def _undo(self) -> None:
        while self._closers:
            self._closers.pop()()

    def _authorise(self, proof: Proof, message: bytes) -> bool:
        """The ledger's key counts, and only while the file in ``configs/keys`` is the same."""
        enrolled = self.state.facts.operators.get(proof.operator)
        try:
            shown = KeyStore(self.ws.keys).public(proof.operator)
        except PeakError:
            return False
        return enrolled is not None and shown == enrolled and verify_proof(enrolled, proof, message)


def _own(kind: EventKind, body: dict[str, Any]) -> EventDraft:
    return EventDraft(event_id=new_event_id(secrets.token_bytes), kind=kind.value, body=body)


def _unwritable(path: Path, error: OSError) -> EnvironmentUnfit:
    return EnvironmentUnfit(
        f"{path} cannot be used: {error.strerror or error}",
        code="workspace_unwritable",
        remedy="check its permissions and its disk",
    )
