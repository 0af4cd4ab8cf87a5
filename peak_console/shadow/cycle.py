"""One shadow cycle: data, outlook, advice, critics, gate, paper fill; recorded whatever its end.

What comes next is decided by :mod:`peak_console.domain.orchestration` alone; this module does it and says
what became of it. Nothing is ordered: the venue kind is none, and a fill is on paper.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from peak_console.config.jobs import CycleSettings
from peak_console.domain.clock import unix_us
from peak_console.domain.errors import ConfigInvalid, EnvironmentUnfit, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.domain.orchestration import (
    Outcome,
    Plan,
    Stage,
    StageKind,
    Step,
    StepKind,
    Stopped,
    Told,
    next_steps,
)
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.llm.runs import Run
from peak_console.shadow.artefacts import pages
from peak_console.shadow.book import BOOK_MOVED
from peak_console.shadow.material import Ended, Material
from peak_console.shadow.past import Past
from peak_console.shadow.recording import finished_draft, gate_draft, intent_words
from peak_console.shadow.stages import Stages
from peak_console.shadow.working import WorkEnd, Working

RECORD_S: Final = 1.5
"""Seconds that a cycle which is told to end takes at most to say so."""
_VOID: Final = frozenset({BOOK_MOVED, "artefact_unwritable"})
"""Why a cycle cannot stand as it ended: the book was written meanwhile, or its pages cannot be kept."""

_KEYLESS: Final = "key_missing"
"""Whose remedy names the file and the variable, which nothing else tells."""

_HALTS: Final = frozenset({"posture", "stopped", "scope_stopped", "model_quarantined", "ended"})
"""Reasons of an abort that are nobody's failure."""


def plan_of(level: PhaseLevel) -> Plan:
    """The stages of a cycle under the rules of a phase.

    In research the outlook's own critic judges beside the hypothesis; from shadow on the hypothesis waits for
    the verdict, and is not asked for upon an outlook that failed.
    """
    first = ("judge_outlook",) if level.at_least(PhaseLevel.SHADOW) else ("outlook",)
    return Plan(
        (
            Stage("data", StageKind.GATHER),
            Stage("outlook", StageKind.ASK, Layer.L2, ("data",)),
            Stage("judge_outlook", StageKind.JUDGE, Layer.L2, ("outlook",)),
            Stage("hypothesis", StageKind.ASK, Layer.L3, first),
            Stage("judge_hypothesis", StageKind.JUDGE, Layer.L3, ("hypothesis",)),
            Stage("weigh", StageKind.WEIGH, None, ("judge_outlook", "judge_hypothesis")),
            Stage("decide", StageKind.DECIDE, Layer.L5, ("weigh",)),
        )
    )


class _Aborted(asyncio.CancelledError):
    """Carries the end of an aborted cycle out of its run, which is recorded as aborted then."""

    def __init__(self, end: WorkEnd) -> None:
        super().__init__()
        self.end = end


async def run_cycle(working: Working) -> WorkEnd:
    """Do one cycle of the job and record how it ended, with the book that it leaves.

    Raises ``ConfigInvalid`` before anything began, ``EnvironmentUnfit`` where the node, the ledger or the
    disk is gone, and ``CancelledError`` after a cycle that was told to end has said so.
    """
    settings = working.job.shadow_cycle
    if settings is None:
        raise ConfigInvalid(f"job {working.job.name} has no settings of a cycle", remedy="run: peak lint")
    run = working.run(purpose=f"shadow cycle {settings.instrument}")
    try:
        async with run:
            return _passed_on(await _Cycle(working, settings, run).performed())
    except _Aborted as aborted:
        return aborted.end


def _passed_on(end: WorkEnd) -> WorkEnd:
    if end.state is not RunState.DONE:
        raise _Aborted(end)
    return end


class _Cycle:
    """One cycle under way."""

    def __init__(self, working: Working, settings: CycleSettings, run: Run) -> None:
        self._working = working
        self._settings = settings
        self._run = run
        self._taken_at = working.clock.now()
        self._began_us = working.clock.boot_us()
        self._past = Past(working.ws.ledger)

    async def performed(self) -> WorkEnd:
        """Do it, record it, and say how it ended."""
        material = await self._begun()
        try:
            step = await self._driven(material)
        except asyncio.CancelledError:
            code = "ended" if self._working.gate.posture().calls else "stopped"
            await self._said(material, _stopped(code))
            raise
        except EnvironmentUnfit as error:
            material.problem = error
            await self._said(material, _stopped(error.code))
            raise
        except PeakError as error:
            material.problem = error
            step = _stopped(error.code)
        except Exception:
            await self._said(material, _stopped("internal_error"))
            raise
        recording = asyncio.ensure_future(self._recorded(material, step))
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            await asyncio.wait({recording}, timeout=RECORD_S)
            raise

    async def _begun(self) -> Material:
        now_us = unix_us(self._taken_at)
        book, before = await asyncio.to_thread(
            self._past.book, self._settings.book, self._settings.equity_eur, now_us
        )
        return Material(self._run.run_id, book, before)

    async def _driven(self, material: Material) -> Step:
        """Step by step, side by side where the data allows it, until one ends it."""
        level = self._working.level()
        configs = self._working.configs.current(level)
        stages = Stages(self._working, configs, self._settings, self._run, material, self._past)
        plan = plan_of(level)
        while not (steps := next_steps(material.events, plan))[0].ends:
            material.events += await _side_by_side(stages, steps)
        if steps[0].outcome is Outcome.WOULD_ALLOW:
            stages.fill()
        return steps[0]

    async def _recorded(self, material: Material, step: Step) -> WorkEnd:
        """Artefacts first, then both events in one append: what is on the ledger has its pages."""
        end = Ended.by(step)
        material.book = replace(material.book, cycles=material.book.cycles + 1)
        gate = gate_draft(material, self._working.clock.now(), self._working.random)
        try:
            self._write(material, end)
            finished = self._finished(material, end)
            await self._working.ledger.append([finished] if gate is None else [gate, finished])
        except PeakError as error:
            if error.code not in _VOID:
                raise
            return await self._voided(error)
        return self._end(material, end)

    async def _voided(self, error: PeakError) -> WorkEnd:
        """Nothing of this cycle counts, and that is recorded, on the book as it stands now."""
        material = await self._begun()
        material.problem = error
        material.book = replace(material.book, cycles=material.book.cycles + 1)
        end = Ended.by(_stopped(error.code))
        with suppress(EnvironmentUnfit):
            self._write(material, end)
        await self._working.ledger.append([self._finished(material, end)])
        return self._end(material, end)

    def _write(self, material: Material, end: Ended) -> None:
        for page in pages(material, end):
            self._run.write_artefact(page.agent, page.name, page.text)

    def _finished(self, material: Material, end: Ended) -> EventDraft:
        return finished_draft(
            self._working, material, end, taken_at=self._taken_at, duration_ms=self._duration_ms()
        )

    async def _said(self, material: Material, step: Step) -> None:
        """Record an early end as far as that is possible now."""
        try:
            async with asyncio.timeout(RECORD_S):
                await self._recorded(material, step)
        except (PeakError, TimeoutError):
            return

    def _end(self, material: Material, end: Ended) -> WorkEnd:
        words = ", ".join(end.reasons)
        if material.intent is not None and material.decision is not None:
            words = f"{intent_words(material.intent)}{f': {words}' if words else ''}"
        if material.problem is not None:
            problem = material.problem
            told = f"{problem.message}; {problem.remedy}" if problem.code == _KEYLESS else problem.message
            words = f"{words}: {told}" if words else told
        state = RunState.DONE
        if end.outcome == Outcome.ABORTED.value:
            halted = not _HALTS.isdisjoint(end.reasons)
            state = RunState.ABORTED if halted else RunState.FAILED
        return WorkEnd(state, end.outcome, words, material.run_id)

    def _duration_ms(self) -> int:
        return max(0, (self._working.clock.boot_us() - self._began_us) // 1000)


async def _side_by_side(stages: Stages, steps: Sequence[Step]) -> list[Told]:
    """Do all of them at once; what one raises ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(stages.done(one)) for one in steps]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _stopped(code: str) -> Step:
    """The end of a cycle from outside."""
    ended = next_steps([Stopped(code)], plan_of(PhaseLevel.LIVE))[0]
    assert ended.kind is StepKind.ABORT  # noqa: S101 - what a stop without review is
    return ended
