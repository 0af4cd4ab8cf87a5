"""Calls as lists show them: a line, and a page of lines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.operations.views.freshness import NEVER, Freshness

PRUNED: Final = "pruned"
"""The reason of a call whose reason retention dropped."""


@dataclass(frozen=True, slots=True)
class CallLine:
    """One hop of a call, as its closing event tells it (or its ``requested`` while it is in flight).

    ``outcome`` is ``ok``, ``failed``, ``refused`` or ``open``; ``reason`` a ``CallReason`` value or empty.
    Latency in milliseconds, cost in nano-EUR; ``None`` where there is none.
    """

    seq: int
    ts: datetime
    call_id: str
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str
    outcome: str
    reason: str = ""
    latency_ms: float | None = None
    cost: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    hop: int = 0
    fallback: bool = False
    degraded: bool = False
    streamed: bool = False
    background: bool = False
    """The provider worked on it unattended; with the outcome ``open`` it still does."""
    repair: bool = False
    """A second question to the same candidate, because its first answer had not the asked form."""
    pruned: bool = False
    """Retention dropped the event's details: what is not in its header is not known any more."""

    @property
    def pending(self) -> bool:
        """Whether the provider has accepted it and has not answered yet."""
        return self.background and self.outcome == "open"


@dataclass(frozen=True, slots=True)
class CallsPage:
    """A page of calls, newest first. ``next_before`` is the key of the page after it; ``None`` at the end.

    ``scanned_to`` says how far back a filter has looked, so that an empty page is not taken for an answer.
    """

    lines: tuple[CallLine, ...] = ()
    next_before: int | None = None
    scanned_to: int = 0
    head_seq: int = 0
    freshness: Freshness = NEVER
    problem: str = ""
    """A filter that cannot be read, in words; the page is then empty."""
