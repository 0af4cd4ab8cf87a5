"""Log lines as the Log screen and ``peak logs`` show them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peak_console.operations.views.freshness import NEVER, Freshness

LEVELS = ("debug", "info", "warning", "error", "critical")
"""Levels, least grave first."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log. ``offset`` orders lines; what is no JSON object has level ``unreadable``."""

    offset: int
    ts: datetime | None
    level: str
    logger: str
    event: str
    fields: dict[str, Any] = field(default_factory=dict, hash=False)
    raw: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, newest first. ``skipped`` counts lines the filter left out."""

    lines: tuple[LogLine, ...] = ()
    skipped: int = 0
    path: str = ""
    freshness: Freshness = NEVER
    problem: str = ""
