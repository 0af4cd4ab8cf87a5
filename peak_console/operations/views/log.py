"""Log lines as the Log screen and ``peak logs`` show them."""

from collections.abc import Mapping
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


_IDS = frozenset({"seq", "event_id", "run_id", "call_id", "actor", "request_hash"})


def told(fields: Mapping[str, Any]) -> list[str]:
    """A line's fields for people: who, how it went, what it took; then the rest by name, ids last."""
    at = {name: value for name, value in fields.items() if value is not None and value != ""}
    model = ":".join(str(at.pop(name)) for name in ("provider", "model_id") if name in at)
    who = [at.pop("layer", ""), at.pop("role", ""), model, at.pop("outcome", ""), at.pop("reason", "")]
    words = [str(word) for word in who if word]
    for name, unit in (("latency_ms", "ms"), ("cost_eur", "EUR")):
        if name in at:
            words.append(f"{at.pop(name)} {unit}")
    rest = sorted(at, key=lambda name: name in _IDS)
    return [*words, *(f"{name}={at[name]}" for name in rest)]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, newest first. ``skipped`` counts lines the filter left out."""

    lines: tuple[LogLine, ...] = ()
    skipped: int = 0
    path: str = ""
    freshness: Freshness = NEVER
    problem: str = ""
