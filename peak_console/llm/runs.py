"""A run: calls and artefacts under one id, begun and ended on the ledger."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, Unpack, overload

from pydantic import BaseModel

from peak_console.domain.calls import CallRequest, CallResult
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import EventId, RunId
from peak_console.domain.ledgering import Ack
from peak_console.domain.vocabulary import Layer
from peak_console.llm.asking import Euro, Words, asked, euro_text
from peak_console.llm.handing import CallStream

_MOST: Final = 2**53
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Road(Protocol):
    """What a run needs of the client it belongs to."""

    async def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult:
        """One governed call."""
        ...

    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallStream:
        """The same, its answer read as it comes."""
        ...

    async def record(self, draft: EventDraft) -> Ack:
        """Append one event."""
        ...

    async def record_end(self, draft: EventDraft) -> Ack | None:
        """Append one event that must not be lost; ``None`` when it was spooled."""
        ...


class Run:
    """A run as a context manager; made by ``Client.run``.

    On entering, ``run.started`` is recorded; on leaving, ``run.finished`` with the artefacts written and the
    outcome: ``ok``, ``failed`` after an error, ``aborted`` when cancelled.
    """

    def __init__(
        self,
        road: Road,
        folder: Path,
        run_id: RunId,
        *,
        started: Callable[[], dict[str, Any]],
        new_event_id: Callable[[], EventId],
        layer: Layer | None,
        resumed: bool = False,
    ) -> None:
        self._road = road
        self._started = started
        self._new_event_id = new_event_id
        self._layer = layer
        self._resumed = resumed
        self._simulated = False
        self._artefacts: dict[str, dict[str, Any]] = {}
        self.run_id = run_id
        self.folder = folder
        self.calls = 0

    async def __aenter__(self) -> Self:
        body = self._started()
        self._simulated = body.get("simulated") is True
        if not self._resumed:
            await self._road.record(self._draft(EventKind.RUN_STARTED, body))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = "ok" if kind is None else "failed"
        if kind is not None and issubclass(kind, asyncio.CancelledError | KeyboardInterrupt):
            outcome = "aborted"
        body = {
            "outcome": outcome,
            "artefacts": list(self._artefacts.values()),
            "calls": self.calls,
            "simulated": self._simulated,
        }
        await self._road.record_end(self._draft(EventKind.RUN_FINISHED, body))

    @overload
    async def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult: ...

    @overload
    async def call(self, *, answer: type[BaseModel] | None = None, **words: Unpack[Words]) -> CallResult: ...

    async def call(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallResult:
        """One governed call of this run, as ``Client.call``; without a layer, on the run's own."""
        return await self._road.call(self._own(request, words), answer=answer)

    @overload
    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallStream: ...

    @overload
    def stream(self, *, answer: type[BaseModel] | None = None, **words: Unpack[Words]) -> CallStream: ...

    def stream(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallStream:
        """One governed call of this run, as ``Client.stream``; without a layer, on the run's own."""
        return self._road.stream(self._own(request, words), answer=answer)

    @property
    def artefacts(self) -> tuple[dict[str, Any], ...]:
        """The artefacts written so far: path below the run's folder, SHA-256, size in bytes."""
        return tuple(dict(one) for one in self._artefacts.values())

    def write_artefact(self, agent: str, name: str, text: str) -> Path:
        """Write ``runs/<run_id>/<agent>/<name>``, whole or not at all; gives its path.

        Raises ``UsageWrong`` for names that are none, ``EnvironmentUnfit`` when the disk does not take it.
        """
        for part in (agent, name):
            if not _NAME.fullmatch(part):
                raise UsageWrong(
                    f"{part!r:.80} cannot be a file's name", remedy="use letters, digits, dots, dashes"
                )
        path = self.folder / agent / name
        data = text.encode("utf-8", "replace")
        try:
            _replace(path, data)
        except OSError as error:
            raise EnvironmentUnfit(
                f"{agent}/{name} of run {self.run_id} cannot be written: {error.strerror}",
                code="artefact_unwritable",
                remedy="free disk space, check the rights of runs/",
            ) from error
        relative = f"{agent}/{name}"
        self._artefacts[relative] = {"path": relative, "sha256": sha256_hex(data), "bytes": len(data)}
        return path

    def _own(self, request: CallRequest | None, words: dict[str, Any]) -> CallRequest:
        if request is None and self._layer is not None:
            words.setdefault("layer", self._layer)
        wanted = asked(request, words)
        self.calls += 1
        return wanted.model_copy(update={"run_id": self.run_id})

    def _draft(self, kind: EventKind, body: dict[str, Any]) -> EventDraft:
        layer = self._layer.value if self._layer else None
        return EventDraft(self._new_event_id(), kind, body, run_id=self.run_id, layer=layer)


def run_limits(
    max_cost_eur: Euro | None, *, max_calls: int | None, max_tokens: int | None
) -> dict[str, Any] | None:
    """A run's own limits as its ``run.started`` carries them; raises ``UsageWrong`` for what is none."""
    limits: dict[str, Any] = {}
    if max_cost_eur is not None:
        limits["max_cost_eur"] = euro_text(max_cost_eur, "max_cost_eur")
    for name, count in (("max_calls", max_calls), ("max_tokens", max_tokens)):
        if count is None:
            continue
        if type(count) is not int or not 0 <= count < _MOST:
            raise UsageWrong(f"{name}={count!r:.40} is no count", remedy="a whole number, not negative")
        limits[name] = count
    return limits or None


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    private = path.with_name(f".{path.name}.{os.getpid()}.new")
    private.write_bytes(data)
    private.replace(path)
