"""Readiness: whether a workspace may go on to a phase, and what is missing (decision 17)."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from peak_console.config.lint.schema import validate
from peak_console.config.load import load_configs
from peak_console.config.readiness import Criteria, ReadinessConfig, everything
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import digest
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, UsageWrong
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.criterion import CriterionResult, CriterionStatus, is_green
from peak_console.operations.ledger import existing
from peak_console.operations.phase import phase_of
from peak_console.operations.readiness_facts import gather
from peak_console.operations.readiness_judging import evaluate
from peak_console.operations.readiness_shadow import shadow_results
from peak_console.operations.readiness_tallies import Tallies


@dataclass(frozen=True, slots=True)
class Readiness:
    """Criteria before a phase, judged at one moment."""

    phase: Phase
    """The phase asked about."""
    now_in: Phase
    taken_at: datetime
    criteria: tuple[CriterionResult, ...]
    config_digest: str
    """SHA-256 of configs/readiness.toml; empty where there is none."""
    boot_us: int = 0
    """The boot clock when it was judged, in microseconds."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """The configs that were judged, the lock and the matrix among them; empty where they cannot be used."""

    @property
    def green(self) -> bool:
        """Whether the phase may begin as far as readiness is asked. Research asks for nothing."""
        return self.phase.level is PhaseLevel.RESEARCH or is_green(self.criteria)

    @property
    def missing(self) -> tuple[CriterionResult, ...]:
        """What is not green."""
        return tuple(one for one in self.criteria if one.status is not CriterionStatus.GREEN)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the results: what a promotion goes by."""
        return digest({"phase": self.phase.value, "criteria": [one.as_dict() for one in self.criteria]})

    def summary(self) -> dict[str, int]:
        """How many criteria have each status."""
        return {one.value: sum(each.status is one for each in self.criteria) for one in CriterionStatus}

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``peak readiness``."""
        return {
            "phase": self.phase.value,
            "now_in": self.now_in.value,
            "taken_at": iso(self.taken_at),
            "green": self.green,
            "criteria": [one.as_dict() for one in self.criteria],
            "summary": self.summary(),
            "digest": self.digest,
        }

    def recorded(self) -> dict[str, Any]:
        """What ``phase.changed`` keeps of it."""
        return {
            "digest": self.digest,
            "config": self.config_digest,
            "configs": dict(self.digests),
            "judged_at": iso(self.taken_at),
            "judged_us": self.boot_us,
            "results": {one.id: {"status": one.status.value, "found": one.found} for one in self.criteria},
        }


def readiness(
    ws: Workspace, phase: Phase | None = None, *, clock: Clock | None = None, tallies: Tallies | None = None
) -> Readiness:
    """Everything asked before ``phase`` (by default the next level's), judged now.

    Where nothing says what is asked (no configs/readiness.toml, none that can be understood, no table of the
    phase), every criterion there is stands without evidence. ``tallies`` are kept by whoever judges again and
    again. Raises ``LedgerUnavailable``.
    """
    clock = clock or SystemClock()
    now, boot_us = clock.now(), clock.boot_us()
    here = phase_of(ws)
    wanted = phase or next_asked(here)
    if wanted.level is PhaseLevel.RESEARCH:
        return Readiness(wanted, here, now, (), "")
    said = _said(ws, wanted.level)
    digests = _digests(ws, wanted.level, now)
    criteria = said.criteria or everything(wanted.level)
    opened = LedgerReader(existing(ws).ledger) if ws.ledger.exists() else nullcontext(None)
    with opened as reader:
        facts, shadow = gather(ws, reader, wanted.level, criteria, clock=clock, tallies=tallies or Tallies())
    results = (*evaluate(wanted.level, criteria, facts, now), *shadow_results(criteria, shadow, now))
    if said.criteria is None:
        results = tuple(_unsaid(one, said) for one in results)
    return Readiness(wanted, here, now, results, said.digest, boot_us, digests)


def next_asked(phase: Phase) -> Phase:
    """The next phase that readiness is asked for; of live itself."""
    levels = list(PhaseLevel)
    return Phase(levels[min(phase.level.rank + 1, len(levels) - 1)].value)


def phase_named(name: str) -> Phase:
    """A phase by its name; raises ``UsageWrong`` (``phase_unknown``)."""
    try:
        return Phase(name)
    except ValueError:
        raise UsageWrong(
            f"there is no phase '{name[:40]}'",
            code="phase_unknown",
            remedy=f"name one of: {', '.join(Phase)}",
        ) from None


@dataclass(frozen=True, slots=True)
class _Said:
    """What configs/readiness.toml says of a phase; without criteria, why not and what to do."""

    criteria: Criteria | None
    digest: str
    why: str = ""
    remedy: str = ""


def _said(ws: Workspace, level: PhaseLevel) -> _Said:
    """A file with anything wrong in it is not read in part, because what is left out would not be asked."""
    document, _ = read_either(ws.root, MAIN_FILES["readiness"])
    if document.trouble is not None and document.trouble.rule == "file.missing":
        return _Said(None, "", f"no {document.name}", f"write {document.name}, or put it back from a version")
    shape, hits, _ = validate("readiness", document)
    if not isinstance(shape, ReadinessConfig) or hits:
        return _Said(None, document.sha256, f"{document.name} cannot be understood", "mend it: peak lint")
    criteria = shape.before(level)
    if criteria is None:
        return _Said(None, document.sha256, f"no [{level}]", f"write [{level}] into {document.name}")
    return _Said(criteria, document.sha256)


def _unsaid(one: CriterionResult, said: _Said) -> CriterionResult:
    return replace(one, status=CriterionStatus.NO_EVIDENCE, wanted=said.why, remedy=said.remedy)


def _digests(ws: Workspace, level: PhaseLevel, now: datetime) -> Mapping[str, str]:
    try:
        return dict(load_configs(ws, phase=level, today=now.date()).digests)
    except ConfigInvalid:
        return {}
