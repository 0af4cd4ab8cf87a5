"""A criterion and how it stands: what was wanted, what was found, in words that a list has room for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class CriterionStatus(StrEnum):
    """How a criterion stands. Only ``green`` lets a promotion through."""

    GREEN = "green"
    RED = "red"
    NO_EVIDENCE = "no_evidence"


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion: what was wanted, what was found, how old that is and where it comes from."""

    id: str
    title: str
    status: CriterionStatus
    found: str
    wanted: str
    age_s: float | None
    """Seconds since what was found was so; ``None`` where it has no age."""
    evidence: str
    """Where it can be looked up: a command, a file, a place in the ledger."""
    remedy: str = ""
    window: str = ""
    """The time that was looked at, in words; empty where it is now."""

    def as_dict(self) -> dict[str, Any]:
        """The JSON of a criterion."""
        age = None if self.age_s is None else int(self.age_s)
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status.value,
            "found": self.found,
            "wanted": self.wanted,
            "age_s": age,
            "evidence": self.evidence,
            "remedy": self.remedy,
            "window": self.window or "now",
        }


def is_green(results: tuple[CriterionResult, ...]) -> bool:
    """Whether every criterion is met, and there is one at all."""
    return bool(results) and all(one.status is CriterionStatus.GREEN for one in results)


def result_of(
    key: str, title: str, *, met: bool | None, found: str, wanted: str, evidence: str, **more: Any
) -> CriterionResult:
    """``met`` is ``None`` where none knows: ``unknown`` says what to do then, ``remedy`` where it is red."""
    if met is None:
        status, remedy = CriterionStatus.NO_EVIDENCE, more.get("unknown") or more.get("remedy", "")
    elif met:
        status, remedy = CriterionStatus.GREEN, ""
    else:
        status, remedy = CriterionStatus.RED, more.get("remedy", "")
    window = more.get("window", "")
    return CriterionResult(key, title, status, found, wanted, more.get("age"), evidence, remedy, window)


def since_words(since: datetime | None, seq: int) -> str:
    """``since 2026-11-22 (#7)``; without a place where it is the ledger's beginning."""
    place = f" (#{seq})" if seq else ""
    return f"since {since:%Y-%m-%d}{place}" if since else ""


def listed_words(names: tuple[str, ...], none: str, one: str) -> str:
    """``3 errors: a, b and 1 more``."""
    if not names:
        return none
    shown = ", ".join(names[:2])
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""  # noqa: PLR2004 - as many as fit a line
    return f"{len(names)} {one}{'s' if one == 'error' and len(names) > 1 else ''}: {shown}{more}"
