"""What the node tells its workers: that a stop holds, once the files and the lease say so."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.incidents import WorkerLost
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.posture import PostureReason
from peak_console.domain.stopping import GLOBAL
from peak_console.ledger.service.server import Handler
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.folding import Folded
from peak_console.node.state import NodeState
from peak_console.node.watching import Watch
from peak_console.node.workers import LOST, NOT_ACKNOWLEDGED, Workers

if TYPE_CHECKING:
    from peak_console.node.engine import Node

logger = logging.getLogger(__name__)

_STOPPED: Final = frozenset(
    {
        PostureReason.STOP_PRESENT.value,
        PostureReason.NOT_ENABLED.value,
        PostureReason.STOPPED_BY_OPERATOR.value,
    }
)
"""Reasons of a stop, which cancels what is in flight; what else forbids calls lets it end."""


_WHY: Final = {
    NOT_ACKNOWLEDGED: "did not acknowledge the stop",
    LOST: "went away with calls in flight",
}


class StopNotices:
    """Announces stops to the workers, global ones and those of scopes. On the node's loop only."""

    def __init__(self, state: NodeState, workers: Workers) -> None:
        self._state = state
        self.workers = workers
        self._last: str | None = None

    def follow(self, watch: Watch) -> None:
        """Tell of what ``watch`` sees from now on; a stop that stands already was told by another node."""
        watch.look()
        self._last = self._state.seen.stop
        watch.on_posture_changed.append(self.changed)
        watch.each_second.append(self.each_second)

    def handlers(self) -> dict[str, Handler]:
        """The socket operations of workers and of who asks after them."""
        return {"control.ack": self.acknowledged, "workers": self.asked}

    def changed(self, before: Folded, after: Folded) -> None:
        """What holds has changed. The lease says so by the loop's next turn: only then it is announced."""
        if after.calls and not before.calls:
            self.workers.lifted(GLOBAL)
        for scope in set(before.stopped_scopes) - set(after.stopped_scopes):
            self.workers.lifted(scope)
        found = [
            (self._of_scope(one), one) for one in after.stopped_scopes if one not in before.stopped_scopes
        ]
        if before.calls and _STOPPED.intersection(after.reasons):
            self._last = self._state.seen.stop
            found.append((self._last or f"removed_{before.enabled}", GLOBAL))
        for stop_id, scope in found:
            asyncio.get_running_loop().call_soon(self.workers.announce, stop_id, scope)

    def each_second(self) -> None:
        """Rounds that are over are recorded; a stop of what is stopped already is told as well."""
        self._told_again()
        self.workers.tick()

    def missing(self) -> list[dict[str, Any]]:
        """Workers that should have been heard of by now, for the trigger that tells of them."""
        found = self.workers.missing()
        return [
            {
                "name": one.name,
                "pid": one.pid,
                "actor": one.actor,
                "why": _WHY[one.why],
                "stop_id": one.stop_id,
            }
            for one in found
        ]

    async def acknowledged(self, message: Message, session: Session) -> Message:
        """The socket operation ``control.ack``."""
        stop_id, cancelled = message.get("stop_id"), message.get("cancelled")
        count = cancelled if type(cancelled) is int and 0 <= cancelled < 2**31 else 0
        return {"taken": self.workers.acknowledge(session.client_id, str(stop_id), count)}

    async def asked(self, message: Message, _: Session) -> Message:
        """The socket operation ``workers``."""
        self._told_again()
        stop_id = message.get("stop_id")
        return self.workers.report(stop_id if isinstance(stop_id, str) else "")

    def _told_again(self) -> None:
        """Who stops again is answered again: nothing that holds has changed by it."""
        stop = self._state.seen.stop
        if stop is not None and stop != self._last:
            self._last = stop
            self.workers.announce(stop, GLOBAL)

    def _of_scope(self, scope: str) -> str:
        held = next((one.stop_id for one in self._state.lowering.values() if one.scope == scope), "")
        mark = self._state.facts.lowered.mark(scope)
        return held or (mark.stop_id if mark else scope)


def attending(node: "Node", open_calls: Callable[[], Iterable[str]]) -> StopNotices:
    """The workers of ``node``, and how they are told; what they answer is on record as the node's word."""
    recording: set[asyncio.Task[None]] = set()

    async def append(draft: EventDraft) -> None:
        try:
            await node.server.append([draft], actor="node")
        except PeakError as error:  # it is shown from memory all the same
            logger.warning("%s could not be recorded: %s", draft.kind, error.message)

    def record(body: dict[str, Any]) -> None:
        event = EventDraft(new_event_id(secrets.token_bytes), EventKind.CONTROL_ACKNOWLEDGED.value, body)
        task = asyncio.get_running_loop().create_task(append(event))
        recording.add(task)
        task.add_done_callback(recording.discard)

    def ack_s() -> float:
        try:
            configs = node.state.configs.current(node.state.facts.phase.level)
        except PeakError:
            return WorkerLost().ack_s
        return configs.incidents.worker_lost.ack_s

    workers = Workers(node.state.clock, open_calls=open_calls, record=record, ack_s=ack_s)
    notices = StopNotices(node.state, workers)
    node.detecting.missing_workers = notices.missing
    return notices
