"""What clients ask of the scheduler: ``jobs.list``, ``jobs.run``, ``jobs.cancel``, ``jobs.pause``."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, canonical
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.text import one_line
from peak_console.ledger.service.server import Handler
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.acting import own
from peak_console.node.scheduling.book import Book
from peak_console.node.scheduling.scheduler import Scheduler
from peak_console.node.scheduling.standing import trouble_of
from peak_console.node.scheduling.telling import listing, read, scheduler_told, without_book

PARAMS_LIMIT: Final = 4096
"""Bytes of what may be asked of a run, as canonical JSON."""

_RUNS: Final = 50
_TEXT: Final = 300
_NO_REASON: Final = "no reason given"


class JobOperations:
    """Served by a node that leases; one that serves a single command schedules nothing."""

    def __init__(
        self,
        scheduler: Scheduler,
        book: Book,
        *,
        serves: bool,
        stopped: Callable[[], str],
        paused: Callable[[], Mapping[str, str]],
        note: Callable[[], str],
        append: Callable[[Sequence[EventDraft]], Awaitable[object]],
    ) -> None:
        self._scheduler, self._book, self._serves = scheduler, book, serves
        self._stopped, self._paused, self._note = stopped, paused, note
        self._append = append

    def handlers(self) -> dict[str, Handler]:
        """The operations, by name."""
        return {
            "jobs.list": self._list,
            "jobs.run": self._run,
            "jobs.cancel": self._cancel,
            "jobs.pause": self._pause,
        }

    async def _list(self, message: Message, _: Session) -> Message:
        self._require_scheduling()
        wanted = message.get("runs", _RUNS)
        if type(wanted) is not int:
            raise UsageWrong("runs is how many runs to tell", code="job_malformed")
        stopped, standing, trouble = self._stopped(), self._scheduler.standing, ""
        try:
            found = await self._book.read(lambda db: read(db, wanted))
        except EnvironmentUnfit as error:
            found, trouble = without_book(standing), trouble_of(error)
        told = scheduler_told(standing, stopped, self._note())
        told["problem"] = told["problem"] or trouble
        return {"scheduler": told, "whole": not trouble, **listing(found, standing, stopped, self._paused())}

    async def _run(self, message: Message, session: Session) -> Message:
        """An operator asks for a run now; it needs no proof, for it can do no more than its schedule does."""
        session.require_writing()
        self._require_scheduling()
        if session.is_agent:
            raise ControlRefused(
                f"{session.actor} is an agent or a job: only people ask for a run", code="not_an_operator"
            )
        params = message.get("params") or {}
        try:
            if not isinstance(params, dict) or len(canonical(params)) > PARAMS_LIMIT:
                raise UsageWrong("params are a small table", code="job_malformed")
        except NotCanonical as error:
            raise UsageWrong(f"params: {error.message}", code="job_malformed") from error
        who = _text(message, "operator") or session.actor
        name, reason = _text(message, "job"), _text(message, "reason")
        key = await self._scheduler.ask(name, params=params, asked_by=who, reason=reason)
        return {"key": key}

    async def _cancel(self, message: Message, session: Session) -> Message:
        """Anyone may end a run: nothing becomes more dangerous by it."""
        session.require_writing()
        self._require_scheduling()
        who = _text(message, "operator") or session.actor
        await self._scheduler.cancel(_text(message, "key"), by=who, reason=_why(message))
        return {"cancelled": True}

    async def _pause(self, message: Message, session: Session) -> Message:
        """Anyone may pause a job; to resume one takes an operator's proof."""
        session.require_writing()
        self._require_scheduling()
        name = _text(message, "job")
        if name not in self._scheduler.standing.jobs and name not in self._scheduler.standing.schedules:
            raise ControlRefused(
                f"no job has the name {name!r:.60}", code="no_such_job", remedy="see: peak jobs list"
            )
        body: dict[str, Any] = {
            "job": name,
            "reason": _why(message),
            "operator": _text(message, "operator") or session.actor,
            "by": session.actor,
        }
        already = name in self._paused()
        if not already:
            await self._append([own(EventKind.JOB_PAUSED, body)])
        self._scheduler.wake(name)
        return {"paused": True, "already": already}

    def _require_scheduling(self) -> None:
        if not self._serves:
            raise ControlRefused(
                "this node serves one command and runs no jobs",
                code="not_scheduling",
                remedy="start one that stays: peak node start",
            )


def _why(message: Message) -> str:
    """The reason of what makes nothing more dangerous: it may be left out."""
    return _text(message, "reason").strip() or _NO_REASON


def _text(message: Message, name: str) -> str:
    text = message.get(name, "")
    if not isinstance(text, str):
        raise UsageWrong(f"{name} is a text", code="job_malformed")
    return one_line(text, _TEXT)
