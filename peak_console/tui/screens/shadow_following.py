"""Which row of the Shadow screen is which, and whether its cycles follow the newest. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from peak_console.operations.criterion import CriterionResult
from peak_console.operations.views.shadow import CycleLine, DriftLine, JobLine


def identity(row: JobLine | CycleLine | DriftLine | CriterionResult) -> object:
    """What makes two rows of two moments the same thing."""
    if isinstance(row, JobLine):
        return row.name
    if isinstance(row, DriftLine):
        return row.name, row.slots
    return row.seq if isinstance(row, CycleLine) else row.id


@dataclass(slots=True)
class Followed:
    """The cycles follow the newest while the cursor is on it; away from it they are held."""

    held_at: int = 0
    """The newest cycle when the cursor left it; 0 while they follow."""

    def moved(self, index: int, rows: Sequence[CycleLine]) -> bool:
        """The cursor stands at ``index`` of ``rows``; whether that begins or ends following."""
        if bool(self.held_at) is bool(index):
            return False
        self.held_at = max((one.seq for one in rows), default=0) if index else 0
        return True

    def newer(self, rows: Sequence[CycleLine]) -> int:
        """Cycles that came since the cursor left the newest."""
        return sum(one.seq > self.held_at for one in rows) if self.held_at else 0
