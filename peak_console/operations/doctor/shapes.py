"""What the doctor finds. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from peak_console.domain.clock import iso


class Health(StrEnum):
    """How a thing is. ``unknown`` is not well: nobody could tell."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong; something is worth knowing."""
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: what was found, and what mends it."""

    area: str
    """What it belongs to: ``program``, ``machine``, ``workspace``, ``ledger``, ``node``, ``configs``, …"""
    title: str
    health: Health
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """As ``--json`` shows it."""
        return {
            "area": self.area,
            "title": self.title,
            "health": self.health.value,
            "found": self.found,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that was looked at."""

    taken_at: datetime
    diagnoses: tuple[Diagnosis, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is bad; warnings and what nobody could tell do not make it ill."""
        return not any(one.health is Health.BAD for one in self.diagnoses)

    def count(self, health: Health) -> int:
        """How many of one health."""
        return sum(one.health is health for one in self.diagnoses)

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak doctor --json``."""
        return {
            "at": iso(self.taken_at),
            "well": self.well,
            "diagnoses": [one.as_json() for one in self.diagnoses],
            "summary": {one.value: self.count(one) for one in Health},
        }
