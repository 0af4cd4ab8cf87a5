"""The ledger's server: a Unix socket, and group commit on its own loop.

Requests that arrive while a commit runs wait in their connections' queues; the next commit takes from all
queues in turn, so that no client starves another, and one durable write serves everyone who waits.
"""

import asyncio
import os
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from peak_console.domain.claims import JobClaim
from peak_console.domain.clock import Clock
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.ledger.bodies import parsed_body_bytes
from peak_console.ledger.schema import SCHEMA_VERSION, SQLITE_VERSION
from peak_console.ledger.service.permission import Permission
from peak_console.ledger.service.privileges import NONCE_VALID_US, Authorise, proof_from_wire
from peak_console.ledger.service.session import Session, Waiting
from peak_console.ledger.service.wire import EVENTS_LIMIT, PROTOCOL, Message, draft_from_wire, error_to_wire
from peak_console.ledger.writer import LEDGER_ACTOR, LedgerWriter, prepare

BATCH_LIMIT: Final = 512
"""The most events in one transaction: a bound on how long anyone waits for another's batch."""

SESSIONS_LIMIT: Final = 256
"""The most connections at a time."""

LOST_AFTER_S: Final = 10
"""How long a caller whose connection ended may stay away before its open calls are booked at their bound."""

Handler = Callable[[Message, Session], Awaitable[Message]]
"""An operation the node adds: takes the request and who asks, gives the reply's fields."""


class OpenCalls(Protocol):
    """Knows which callers have reserved budget for calls that have not ended."""

    def clients(self) -> set[str]:
        """Ids of clients with open calls."""
        ...

    def abandon(self, client: str) -> list[EventDraft]:
        """The ``llm.call.failed`` events that end a lost caller's open calls."""
        ...

    def overdue(self) -> list[EventDraft]:
        """The ``llm.call.failed`` events that end hops which providers work on unattended for too long."""
        ...


class Attendance(Protocol):
    """Is told who comes and goes."""

    def joined(self, session: Session) -> None:
        """A client has said hello, for the first time or anew."""
        ...

    def left(self, session: Session) -> None:
        """A connection ended."""
        ...


class LedgerServer:
    """Serves the ledger of ``writer`` at ``socket_path``.

    ``handlers`` add operations to ``hello``, ``append``, ``challenge`` and ``status``. ``open_calls`` lets
    the server end the calls of callers that were lost; :meth:`sweep` looks for them. ``attendance`` is told
    of every client that says hello, and of every connection's end. ``foresee`` is given a client's events and
    its actor before they are queued; what it raises keeps them out. ``claims`` gives the run of a token that
    the node handed to a worker, ``None`` for one that is unknown or over; it is asked at every append.
    """

    def __init__(
        self,
        writer: LedgerWriter,
        socket_path: Path,
        *,
        authorise: Authorise,
        clock: Clock,
        handlers: Mapping[str, Handler] | None = None,
        open_calls: OpenCalls | None = None,
        attendance: Attendance | None = None,
        foresee: Callable[[Sequence[EventDraft], str], object] | None = None,
        claims: Callable[[str], JobClaim | None] | None = None,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self.writer = writer
        self.socket_path = socket_path
        self._clock = clock
        self._handlers: dict[str, Handler] = {
            "hello": self._hello,
            "challenge": self._challenge,
            "status": self._status,
            **(handlers or {}),
        }
        self._open_calls = open_calls
        self._attendance = attendance
        self._foresee = foresee
        self._permission = Permission(writer, authorise=authorise, clock=clock, claims=claims)
        self._lost_after_us = round(lost_after_s * 1_000_000)
        self._sessions: set[Session] = set()
        self._local: deque[Waiting] = deque()
        self._absent: dict[str, int] = {}
        self._scheduled = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.commits = 0
        self.recent_waits_us: deque[int] = deque(maxlen=2048)
        """How long the last appends waited for their commit, in microseconds."""
        self.last_error: PeakError | None = None
        """Why the last commit failed; ``None`` after a good one."""

    async def start(self) -> None:
        """Listen. The socket is readable and writable for the owner and the group only."""
        self._loop = asyncio.get_running_loop()
        self._absent = dict.fromkeys(
            self._open_calls.clients() if self._open_calls else (), self._clock.boot_us()
        )
        self.socket_path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            self._server = await self._loop.create_unix_server(
                lambda: Session(self), str(self.socket_path), backlog=256
            )
        finally:
            os.umask(before)
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def close(self) -> None:
        """Stop listening, commit what waits, end the connections and remove the socket."""
        if self._server is None:
            return
        self._sweeper.cancel()
        self._server.close()
        while self.oldest_wait_us():
            self.commit()
        for session in list(self._sessions):
            session.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self._sweeper, *self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self.socket_path.unlink(missing_ok=True)
        self._server = None

    async def append(self, drafts: Sequence[EventDraft], *, actor: str) -> list[Ack]:
        """The node's own events, in the same group commit; raises what kept them out."""
        future: asyncio.Future[list[Ack]] = asyncio.get_running_loop().create_future()

        def done(results: list[Ack | PeakError]) -> None:
            if future.done():
                return
            wrong = next((result for result in results if isinstance(result, PeakError)), None)
            if wrong is not None:
                future.set_exception(wrong)
            else:
                future.set_result([result for result in results if isinstance(result, Ack)])

        self._local.append(Waiting([prepare(draft, actor) for draft in drafts], done, self._clock.boot_us()))
        self.schedule()
        return await future

    # -- what sessions call

    def joined(self, session: Session) -> bool:
        """A connection was made; false when there are too many already."""
        if len(self._sessions) >= SESSIONS_LIMIT:
            return False
        self._sessions.add(session)
        return True

    def left(self, session: Session) -> None:
        """A connection ended; its client may come back within the time for that."""
        self._sessions.discard(session)
        self._local.extend(session.queue)
        client = session.client_id
        if client and client not in self._present():
            self._absent[client] = self._clock.boot_us()
        closing = self._server is None or not self._server.is_serving()
        if client and self._attendance is not None and not closing:
            self._attendance.left(session)

    def receive(self, session: Session, message: Message) -> None:
        """One request of a session; the reply follows, at once or after the commit."""
        operation = message.get("op")
        try:
            if operation == "append":
                self._queue_append(session, message)
                return
            handler = self._handlers.get(operation) if isinstance(operation, str) else None
            if handler is None:
                raise UsageWrong(f"unknown operation {operation!r:.40}", code="unknown_operation")
            if operation != "hello":
                session.require_hello()
        except PeakError as error:
            session.reply({"id": message.get("id"), "error": error_to_wire(error)})
            return
        task = asyncio.create_task(self._answer(handler, message, session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def schedule(self) -> None:
        """Have what waits committed on the loop's next turn, after every socket that is ready was read."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.commit)

    def commit(self) -> None:
        """Write one batch: from every queue in turn, up to :data:`BATCH_LIMIT` events."""
        self._scheduled = False
        batch = self._take_turns()
        if batch:
            results = self.writer.append([entry for waiting in batch for entry in waiting.entries])
            self.commits += 1
            now_us = self._clock.boot_us()
            self.recent_waits_us.extend(now_us - waiting.since_us for waiting in batch)
            self.last_error = next((one for one in results if isinstance(one, PeakError)), None)
            start = 0
            for waiting in batch:
                end = start + len(waiting.entries)
                waiting.done(results[start:end])
                start = end
            for session in self._sessions:
                session.flush()
        if self._local or any(session.queue for session in self._sessions):
            self.schedule()

    def oldest_wait_us(self) -> int:
        """How long the longest-waiting append has waited, in microseconds; 0 when none waits."""
        queues = [self._local, *(session.queue for session in self._sessions)]
        oldest = min((queue[0].since_us for queue in queues if queue), default=None)
        return 0 if oldest is None else max(self._clock.boot_us() - oldest, 1)

    # -- appends

    def _take_turns(self) -> list[Waiting]:
        queues = [self._local, *(session.queue for session in self._sessions)]
        batch: list[Waiting] = []
        room = BATCH_LIMIT
        while room > 0 and any(queues):
            for queue in queues:
                if queue and room > 0:
                    waiting = queue.popleft()
                    room -= len(waiting.entries)
                    batch.append(waiting)
        return batch

    def _queue_append(self, session: Session, message: Message) -> None:
        session.require_hello()
        session.require_writing()
        events = message.get("events")
        if not isinstance(events, list) or not 0 < len(events) <= EVENTS_LIMIT:
            raise UsageWrong(f"append takes a list of 1 to {EVENTS_LIMIT} events", code="event_malformed")
        proof = proof_from_wire(message.get("proof"))
        entries = []
        for event in events:
            draft = draft_from_wire(event)
            data = parsed_body_bytes(draft.body)
            entries.append(prepare(draft, session.actor, client=session.client_id, data=data))
        entries = self._permission.granted(session, entries, proof)
        if self._foresee is not None:
            self._foresee([entry.draft for entry in entries], session.actor)
        request = message.get("id")

        def done(results: list[Ack | PeakError]) -> None:
            session.finished(request, results)

        session.queue.append(Waiting(entries, done, self._clock.boot_us()))
        self.schedule()

    # -- operations

    async def _answer(self, handler: Handler, message: Message, session: Session) -> None:
        reply: Message = {"id": message.get("id")}
        try:
            reply |= await handler(message, session)
        except PeakError as error:
            reply["error"] = error_to_wire(error)
        except Exception as error:  # noqa: BLE001 - whoever asked gets an answer, and the server goes on
            fault = PeakError(
                f"{type(error).__name__}: {error}", code="internal", remedy="please report this"
            )
            reply["error"] = error_to_wire(fault)
        session.reply(reply)

    async def _hello(self, message: Message, session: Session) -> Message:
        session.introduce(message)
        token = message.get("claim")
        session.token = token if isinstance(token, str) else ""
        self._absent.pop(session.client_id, None)
        if self._attendance is not None:
            self._attendance.joined(session)
        seq, head = self.writer.head
        return {
            "protocol": PROTOCOL,
            "schema": SCHEMA_VERSION,
            "sqlite": SQLITE_VERSION,
            "actor": session.actor,
            "read_only": session.read_only is not None,
            "notice": session.read_only or "",
            "seq": seq,
            "head": head,
        }

    async def _challenge(self, _: Message, session: Session) -> Message:
        nonce = secrets.token_hex(32)
        session.remember_nonce(nonce, self._clock.boot_us() + NONCE_VALID_US)
        return {"nonce": nonce}

    async def _status(self, _: Message, __: Session) -> Message:
        return self.status()

    def status(self) -> Message:
        """The server's own figures: head, connections, commits, waits, the last fault."""
        seq, head = self.writer.head
        return {
            "protocol": PROTOCOL,
            "schema": SCHEMA_VERSION,
            "sqlite": SQLITE_VERSION,
            "seq": seq,
            "head": head,
            "clients": sorted(session.name for session in self._sessions if session.client_id),
            "commits": self.commits,
            "oldest_wait_us": self.oldest_wait_us(),
            "last_error": error_to_wire(self.last_error) if self.last_error else None,
        }

    # -- callers that were lost

    async def sweep(self) -> list[Ack]:
        """Book what lost callers left open and what is overdue; gives what was recorded."""
        if self._open_calls is None:
            return []
        with_calls = self._open_calls.clients()
        self._absent = {client: since for client, since in self._absent.items() if client in with_calls}
        now, present = self._clock.boot_us(), self._present()
        recorded: list[Ack] = []
        for client in with_calls - present:
            if now - self._absent.setdefault(client, now) < self._lost_after_us:
                continue
            recorded += await self._end(self._open_calls.abandon(client))
            self._absent.pop(client, None)
        return recorded + await self._end(self._open_calls.overdue())

    async def _end(self, drafts: list[EventDraft]) -> list[Ack]:
        recorded: list[Ack] = []
        for start in range(0, len(drafts), BATCH_LIMIT):
            recorded += await self.append(drafts[start : start + BATCH_LIMIT], actor=LEDGER_ACTOR)
        return recorded

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            try:
                await self.sweep()
            except PeakError as error:
                # The ledger cannot be written now; the calls stay open and the next sweep tries again.
                self.last_error = error

    def _present(self) -> set[str]:
        return {session.client_id for session in self._sessions if session.client_id}
