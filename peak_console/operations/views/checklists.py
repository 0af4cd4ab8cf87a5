"""Checklists as screens and documents show them: each item from evidence with its age, or signed. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from peak_console.domain.clock import iso


class ItemState(StrEnum):
    """What is known of an item. Green only with evidence that is young enough."""

    GREEN = "green"
    AMBER = "amber"
    """Shown once, too long ago; or signed by a person only."""
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One item. ``evidence`` says what it was computed from, ``at`` when; ``remedy`` how it becomes green."""

    id: str
    title: str
    state: ItemState
    evidence: str
    at: datetime | None = None
    remedy: str = ""
    signed_by: str = ""
    note: str = ""
    signable: bool = False
    """Whether an operator's word counts where nothing can be computed."""

    def age_s(self, now: datetime) -> float | None:
        """How old the evidence is."""
        return None if self.at is None else max(0.0, (now - self.at).total_seconds())


@dataclass(frozen=True, slots=True)
class Checklist:
    """A checklist of the runbook: ``pre-merge``, ``pre-shadow`` or ``pre-live``."""

    name: str
    taken_at: datetime
    items: tuple[ChecklistItem, ...]

    @classmethod
    def unknown(cls, name: str, at: datetime, why: str, remedy: str = "") -> "Checklist":
        """A list of which nothing can be told, and why."""
        item = ChecklistItem("unknown", "not judged", ItemState.UNKNOWN, why, None, remedy)
        return cls(name, at, (item,))

    @property
    def green(self) -> bool:
        """Whether every item is green; an empty list shows nothing."""
        return bool(self.items) and all(one.state is ItemState.GREEN for one in self.items)

    def as_json(self) -> dict[str, Any]:
        """As ``peak checklist --json`` shows it."""
        return {
            "checklist": self.name,
            "green": self.green,
            "at": iso(self.taken_at),
            "items": [
                {
                    "id": one.id,
                    "title": one.title,
                    "state": one.state.value,
                    "evidence": one.evidence,
                    "at": None if one.at is None else iso(one.at),
                    "age_s": one.age_s(self.taken_at),
                    "remedy": one.remedy,
                    "signed_by": one.signed_by or None,
                    "note": one.note or None,
                    "signable": one.signable,
                }
                for one in self.items
            ],
        }
