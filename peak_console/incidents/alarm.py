"""What a trigger says when it fires: what it saw, what is affected, and what makes it the same again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.incidents import Trigger
from peak_console.domain.text import one_line

SUMMARY_LIMIT: Final = 300
CAUSE_LIMIT: Final = 160


@dataclass(frozen=True, slots=True)
class Alarm:
    """A trigger that fired. ``figures`` hold texts and whole numbers only, as the ledger takes them."""

    trigger: Trigger
    cause: str
    """What makes it the same incident again: a layer, a model, the node."""
    scope: str
    """What is affected, as a stop scope."""
    summary: str
    """What happened, in figures."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 1
    """How often the cause was seen anew; 0 where it only still stands."""
    acts: bool = True
    """Whether what its trigger does by itself happens; else it is told, and no more."""

    def said(self) -> "Alarm":
        """Fit to be recorded and shown: one line each, of a bounded length."""
        return Alarm(
            self.trigger,
            one_line(self.cause, CAUSE_LIMIT),
            one_line(self.scope, CAUSE_LIMIT),
            one_line(self.summary, SUMMARY_LIMIT),
            self.figures,
            self.seen,
            self.acts,
        )
