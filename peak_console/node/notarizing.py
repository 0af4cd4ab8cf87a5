"""The node's side of its notary: records what it signed, believes what it found, asks it to sign now."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.text import one_line
from peak_console.node.children import Child

MODULE: Final = "peak_console.node.notarychild"

GRACE_S: Final = 5.0
"""How long the notary may take to sign what came last."""

ANSWER_S: Final = 20.0
"""How long whoever asks for a checkpoint waits."""

Append = Callable[[Sequence[EventDraft]], Awaitable[object]]

logger = logging.getLogger(__name__)


class Notarizing:
    """Keeps the notary, and speaks with it. ``broke`` is told why the ledger contradicts what was signed."""

    def __init__(
        self, root: Path, append: Append, broke: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self.child = Child("notary", MODULE, root, said=self._hear, grace_s=GRACE_S)
        self.status: dict[str, Any] = {}
        """What the notary last said of itself; empty before it did."""
        self._append = append
        self._broke = broke
        self._changed = changed
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._recording: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Keep the notary running until :meth:`end`."""
        self._task = asyncio.create_task(self.child.keep())
        return self._task

    async def end(self) -> None:
        """Have it sign what came last, and end it. What it signs then the next node records."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def checkpoint(self) -> dict[str, Any]:
        """Have the head signed now; gives the notary's status after it, with ``moved``.

        Without a running notary one is run for this. Raises ``EnvironmentUnfit`` when it does not answer or
        cannot sign.
        """
        alone = self._task is None
        if alone:
            self.status = {}
            self.start()
        try:
            return await self._ask()
        finally:
            if alone:
                await self.end()

    async def _ask(self) -> dict[str, Any]:
        name = secrets.token_hex(8)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[name] = answer
        before = self.status.get("signings", 0)
        self.child.tell(f"checkpoint {name}")
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await answer
        except TimeoutError:
            raise _silent(self.child.state.last_words) from None
        finally:
            self._asked.pop(name, None)
        await asyncio.gather(*self._recording, return_exceptions=True)
        if status.get("problem"):
            raise EnvironmentUnfit(
                f"the head was not signed: {status['problem']}",
                code=str(status.get("code") or "not_signed"),
                remedy=str(status.get("remedy", "")),
            )
        return {**status, "moved": status.get("signings", 0) != before}

    # -- what it says

    def _hear(self, fields: dict[str, Any]) -> None:
        status = fields.get("status")
        if isinstance(status, dict):
            told = _shown(self.status)
            self.status = status
            if told != _shown(status):
                self._changed()
        if fields.get("ready"):
            for name in self._asked:
                self.child.tell(f"checkpoint {name}")
        if isinstance(fields.get("inconsistent"), str):
            logger.error("the ledger contradicts what was signed: %s", fields["inconsistent"])
            self._broke(one_line(fields["inconsistent"]))
        if isinstance(fields.get("checkpoint"), dict):
            self._record(fields["checkpoint"])
        if isinstance(fields.get("error"), dict):
            self._take_error(fields["error"])
        waiting = self._asked.get(str(fields.get("asked")))
        if waiting is not None and not waiting.done():
            waiting.set_result(self.status)

    def _take_error(self, error: dict[str, Any]) -> None:
        """It could not begin; it is started again."""
        told = {"code": error.get("code"), "remedy": error.get("remedy"), "problem": error.get("message")}
        self.status = {**self.status, "state": "ended", **told}
        self._changed()

    def _record(self, checkpoint: dict[str, Any]) -> None:
        """Append ``ledger.checkpointed``, once for every head however often it is said."""
        name = f"ev_checkpoint_{checkpoint.get('size')}_{str(checkpoint.get('root'))[:16]}"
        draft = EventDraft(name, EventKind.LEDGER_CHECKPOINTED.value, checkpoint)

        async def append() -> None:
            try:
                await self._append([draft])
            except UsageWrong as error:
                if error.code != "event_id_taken":  # the same head, with anchors that came later
                    logger.warning("a checkpoint could not be recorded: %s", error.message)
            except PeakError as error:
                logger.warning("a checkpoint could not be recorded: %s", error.message)

        task = asyncio.ensure_future(append())
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)


def _shown(status: Mapping[str, Any]) -> tuple[Any, ...]:
    """What others read of the status in ``node.json``."""
    return tuple(status.get(name) for name in ("problem", "state", "size", "anchors"))


def told_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """The notary's status as the node tells it: without the note's text."""
    return {name: value for name, value in status.items() if name != "note"}


def _silent(words: str) -> EnvironmentUnfit:
    return EnvironmentUnfit(
        f"the notary did not sign within {ANSWER_S:.0f} s" + (f": {words}" if words else ""),
        code="notary_silent",
        remedy="see what it does: peak node status",
    )
