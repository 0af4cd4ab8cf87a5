"""Readiness: whether a workspace may go on to a phase, and what is missing (decision 17)."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peak_console.config.lint.schema import validate
from peak_console.config.readiness import ReadinessConfig
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import digest
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, UsageWrong
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.phase import phase_of
from peak_console.operations.readiness_facts import gather
from peak_console.operations.readiness_judging import CriterionResult, CriterionStatus, evaluate, is_green


@dataclass(frozen=True, slots=True)
class Readiness:
    """Criteria before a phase, judged at one moment."""

    phase: Phase
    """The phase asked about."""
    now_in: Phase
    taken_at: datetime
    criteria: tuple[CriterionResult, ...]
    config_digest: str
    """SHA-256 of configs/readiness.toml; empty where there is none and the defaults hold."""

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
            "results": {one.id: {"status": one.status.value, "found": one.found} for one in self.criteria},
        }


def readiness(ws: Workspace, phase: Phase | None = None, *, clock: Clock | None = None) -> Readiness:
    """Everything asked before ``phase`` (by default the next level's), judged now.

    Raises ``LedgerUnavailable``, and ``ConfigInvalid`` where configs/readiness.toml cannot be understood.
    """
    clock = clock or SystemClock()
    now = clock.now()
    here = phase_of(ws)
    wanted = phase or next_asked(here)
    config, config_digest = criteria_of(ws)
    criteria = config.before(wanted.level)
    if criteria is None:
        return Readiness(wanted, here, now, (), config_digest)
    opened = LedgerReader(existing(ws).ledger) if ws.ledger.exists() else nullcontext(None)
    with opened as reader:
        facts = gather(ws, reader, wanted.level, criteria, clock)
    results = evaluate(wanted.level, criteria, facts, now)
    return Readiness(wanted, here, now, results, config_digest)


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


def criteria_of(ws: Workspace) -> tuple[ReadinessConfig, str]:
    """The criteria as the file has them, and its digest; the defaults where there is none.

    A file with anything wrong in it is not read in part, because what is left out would not be asked.
    """
    document, _ = read_either(ws.root, MAIN_FILES["readiness"])
    if document.trouble is not None and document.trouble.rule == "file.missing":
        return ReadinessConfig(), ""
    shape, hits, _ = validate("readiness", document)
    if not isinstance(shape, ReadinessConfig) or hits:
        first = hits[0].message if hits else document.trouble.message if document.trouble else "no criteria"
        raise ConfigInvalid(
            f"{document.name} cannot be understood: {first}",
            code="readiness_unreadable",
            remedy="mend it: peak lint",
        )
    return shape, document.sha256
