"""What a recovery of the ledger saved, and what is lost."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from peak_console.ledger.keeping.salvage import Bodiless
from peak_console.node.first_head import FirstHead


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery saved and what is lost."""

    broken_how: str
    detail: str
    proven: int
    """Events that are saved: all up to this place."""
    proven_head: str
    known: int
    """The last place that the old file or a signed head tells of."""
    signed: int
    """Up to which place heads were signed."""
    folder: Path
    """What is kept: the old file as it was, and the proven part."""
    proven_file: Path | None
    bodiless: Bodiless | None
    """Saved events whose bodies retention dropped on the word of an event that is lost."""
    operators: tuple[str, ...]
    left_out: tuple[str, ...]
    """Operators that are not enrolled again, each with the reason."""
    phase: str
    phase_from: str
    """What tells the phase: ``ledger``, ``operator`` or ``unknown``."""
    simulated: bool
    carried: int
    """Counters of budgets that were carried over."""
    spend_known: bool
    """Whether the old file's own counters could be read to their end."""
    events: int
    head: str
    stop_id: str
    had_file: bool = True
    """Whether there was an old file at all."""
    backup: Path | None = None
    """The backup whose events were saved instead of the old file's."""
    first: FirstHead = field(default_factory=FirstHead)
    """The new ledger's first signed head."""

    @property
    def lost(self) -> int:
        """How many events are known to be lost."""
        return max(self.known - self.proven, 0)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        lost = {"from": self.proven + 1 if self.lost else None, "events": self.lost, "signed": self.signed}
        return {
            "broken": {"how": self.broken_how, "detail": self.detail},
            "saved": {
                "events": self.proven,
                "head": self.proven_head,
                "file": str(self.proven_file) if self.proven_file else None,
                "bodiless": self.bodiless.as_json() if self.bodiless else None,
            },
            "lost": lost,
            "folder": str(self.folder),
            "operators": list(self.operators),
            "left_out": list(self.left_out),
            "phase": self.phase,
            "phase_from": self.phase_from,
            "simulated": self.simulated,
            "carried": self.carried,
            "spend_known": self.spend_known,
            "ledger": {"events": self.events, "head": self.head},
            "stop_id": self.stop_id,
            "kept": self.had_file,
            "from": str(self.backup) if self.backup else None,
            "first_head": asdict(self.first),
        }
