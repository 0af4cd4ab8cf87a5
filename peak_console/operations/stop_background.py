"""Background work that a stop leaves at its providers: cancelled once the stop is done and recorded.

The stop depends on nothing here. What cannot be cancelled is named with the command that cancels it later;
cancelling and reading the bill are allowed while STOPPED, wherever a key is at hand.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.scopes import stopped_by
from peak_console.control.sockets import find_socket
from peak_console.domain.errors import LedgerUnavailable, NodeUnreachable, PeakError
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.background import BackgroundLine, background_lines, count_words

if TYPE_CHECKING:
    from peak_console.domain.events import EventDraft
    from peak_console.domain.ledgering import Ack, LedgerClient
    from peak_console.llm.unattended.resuming import Ending

STEP: Final = "background"
PATIENCE_S: Final = 5.0
"""How long all of them together may take."""
_CONNECT_S: Final = 1.0
_RECORD_S: Final = 1.0
_QUESTION_S: Final = 2.0
"""Longest that one question to a provider may take; a cancelled call's bill is asked for after it."""

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_SILENT: Final = "no word from its provider in time: it may run on"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of one background call: ``ok`` once it no longer runs at its provider."""

    work: BackgroundLine
    ok: bool
    detail: str

    @property
    def remedy(self) -> str:
        """What to do about one that may run on."""
        return "" if self.ok else self.work.cancelled_by

    def as_dict(self) -> dict[str, Any]:
        """The call in a document."""
        return {**self.work.as_json(), "ok": self.ok, "detail": self.detail, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class BackgroundStep:
    """The step of a stop that ends background work; ``problem`` says why nobody knows of any."""

    calls: tuple[Cancelled, ...] = ()
    problem: str = ""
    at_us: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing runs on, as far as anybody can tell."""
        return not self.problem and not self.failed

    @property
    def failed(self) -> tuple[Cancelled, ...]:
        """The calls that may run on."""
        return tuple(one for one in self.calls if not one.ok)

    @property
    def detail(self) -> str:
        """The step in one line."""
        if self.problem:
            return self.problem
        if not self.calls:
            return "none"
        told = count_words([one.work for one in self.calls])
        if self.failed:
            return f"{len(self.failed)} of {told} could not be cancelled"
        return f"{told} cancelled"

    @property
    def remedy(self) -> str:
        """What to do where the step failed as a whole."""
        return "see what waits: peak call --pending" if self.problem else ""

    def as_dict(self) -> dict[str, Any]:
        """The step beside the others of a stop."""
        return {"step": STEP, "ok": self.ok, "detail": self.detail, "at_us": self.at_us}


def cancel_background(
    workspaces: Sequence[Workspace],
    *,
    scope: str = GLOBAL,
    environ: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> list[BackgroundStep]:
    """Cancel what providers still work on in ``workspaces``, all at once; one step for each. Never raises.

    Of a stop of a part only what ``scope`` covers is cancelled.
    """
    steps = [_found(ws, scope) for ws in workspaces]
    if any(step.calls for step in steps):
        told = _asked(workspaces, steps, os.environ if environ is None else environ, patience_s)
        steps = [
            replace(step, calls=tuple(told.get((at, one.work.call_id), one) for one in step.calls))
            for at, step in enumerate(steps)
        ]
    at_us = time.clock_gettime_ns(_BOOT_CLOCK) // 1000
    return [replace(step, at_us=at_us) for step in steps]


def _found(ws: Workspace, scope: str) -> BackgroundStep:
    """The calls to cancel, each as one of which nothing is known yet."""
    if not ws.ledger.exists():
        return BackgroundStep()
    try:
        with LedgerReader(ws.ledger) as reader:
            lines = [one for one in background_lines(reader) if _covers(scope, one)]
    except LedgerUnavailable as error:
        if error.code in {"ledger_missing", "ledger_empty"}:
            return BackgroundStep()
        return BackgroundStep(problem=f"not known: {one_line(error.message, 200)}")
    return BackgroundStep(tuple(Cancelled(line, ok=False, detail=_SILENT) for line in lines))


def _covers(scope: str, line: BackgroundLine) -> bool:
    found = stopped_by(
        (scope,), layer=line.layer, provider=line.provider, model_id=line.model_id, run_id=line.run_id
    )
    return found is not None


_Told = dict[tuple[int, str], Cancelled]
"""What became of each call, by the place of its workspace and its id."""


def _asked(
    workspaces: Sequence[Workspace],
    steps: Sequence[BackgroundStep],
    environ: Mapping[str, str],
    patience_s: float,
) -> _Told:
    """Cancel in a thread that nobody waits for longer than the patience: a name lookup cannot be ended."""
    told: _Told = {}

    async def everywhere() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await asyncio.gather(
                    *(
                        _cancel(ws, [one.work for one in step.calls], environ, told, at)
                        for at, (ws, step) in enumerate(zip(workspaces, steps, strict=True))
                        if step.calls
                    )
                )

    def run() -> None:
        with contextlib.suppress(Exception):
            asyncio.run(everywhere())

    thread = threading.Thread(target=run, name="stop-background", daemon=True)
    thread.start()
    thread.join(patience_s + _RECORD_S)
    return dict(told)


async def _cancel(
    ws: Workspace, lines: Sequence[BackgroundLine], environ: Mapping[str, str], told: _Told, at: int
) -> None:
    """Cancel ``lines`` of one workspace, each on its own; ``told`` fills as they end."""
    from peak_console.llm.client import Client  # noqa: PLC0415 - slow, and seldom needed
    from peak_console.llm.unattended.background import PollRule  # noqa: PLC0415 - likewise
    from peak_console.operations.demo import is_simulated  # noqa: PLC0415 - likewise

    polls = PollRule(request_s=_QUESTION_S, settle_s=PATIENCE_S - _CONNECT_S - _RECORD_S, settle_wait_s=0.25)
    ledger = await _ledger(ws)
    client = Client(ws, ledger, environ=environ, polls=polls, patience_s=_RECORD_S)

    async def one(line: BackgroundLine) -> None:
        ok, detail = True, ""
        try:
            detail = _said(await client.cancel(line.call_id))
        except PeakError as error:
            ok, detail = error.code == "call_ended", one_line(error.message, 200)
        except Exception as error:  # noqa: BLE001 - a defect must not hide that the work may run on
            ok, detail = False, one_line(f"{type(error).__name__}: {error}", 200)
        told[at, line.call_id] = Cancelled(line, ok, detail)

    keyless = {} if is_simulated(ws) else _keyless(lines, environ)
    for line, variable in keyless.items():
        told[at, line.call_id] = Cancelled(
            line, ok=False, detail=f"no key of {line.provider} here ({variable})"
        )
    try:
        async with client:
            await asyncio.gather(*(one(line) for line in lines if line not in keyless))
    finally:
        await ledger.close()


def _keyless(lines: Sequence[BackgroundLine], environ: Mapping[str, str]) -> dict[BackgroundLine, str]:
    """The calls whose provider cannot be told for want of a key, each with the key's variable."""
    from peak_console.llm.credentials import Credentials  # noqa: PLC0415 - slow, and seldom needed
    from peak_console.llm.providers.adapters import ADAPTERS  # noqa: PLC0415 - likewise

    held = Credentials(environ).providers()
    variables = {one.provider: one.key_variable for one in ADAPTERS.values()}
    return {line: variables.get(line.provider, "its key") for line in lines if line.provider not in held}


def _said(ending: "Ending") -> str:
    bill = (
        f"€ {ending.cost_eur}"
        if ending.cost_basis == "usage"
        else f"booked at its bound, € {ending.cost_eur}"
    )
    word = "had its answer" if ending.outcome == "completed" else ending.outcome
    return f"{word}, {bill}{'' if ending.recorded else ', to be recorded by the next call'}"


async def _ledger(ws: Workspace) -> "LedgerClient":
    """The node, or what stands in for it: without one, ends are spooled and handed in later."""
    from peak_console.ledger.service.client import SocketLedgerClient  # noqa: PLC0415 - needs a loop's modules

    try:
        async with asyncio.timeout(_CONNECT_S):
            return await SocketLedgerClient.connect(find_socket(ws.control), name="stop")
    except (PeakError, OSError, TimeoutError):
        return _NoNode()


class _NoNode:
    """A ledger that takes nothing now."""

    async def append(self, drafts: "Sequence[EventDraft]") -> "list[Ack]":
        """Say so."""
        raise NodeUnreachable(f"no node takes {len(drafts)} events", remedy="start it: peak node start")

    async def close(self) -> None:
        """Nothing is held."""
