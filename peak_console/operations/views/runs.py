"""Runs as the list shows them: a page of lines, and how far the index reaches that found them."""

from dataclasses import dataclass

from peak_console.operations.runs import RunLine
from peak_console.operations.views.freshness import NEVER, Freshness

__all__ = ["IndexState", "RunLine", "RunsPage"]


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the index reaches, and how far the ledger. ``problem`` says why there is none to use."""

    seq: int = 0
    head: int = 0
    problem: str = ""
    remedy: str = ""

    @property
    def behind(self) -> int:
        """Events that are not in the index yet."""
        return max(0, self.head - self.seq)

    @property
    def usable(self) -> bool:
        """Whether lists come from it; else they come from the ledger itself."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class RunsPage:
    """A page of runs, newest first. ``next_before`` is the key of the page after it; ``None`` at the end.

    ``scanned_to`` says how far back a filter has looked, so that an empty page is not taken for an answer.
    """

    lines: tuple[RunLine, ...] = ()
    next_before: int | None = None
    scanned_to: int = 0
    head_seq: int = 0
    index: IndexState = IndexState()
    freshness: Freshness = NEVER
    problem: str = ""
    """A filter that cannot be read, or cannot be answered now, in words; the page is then empty."""
