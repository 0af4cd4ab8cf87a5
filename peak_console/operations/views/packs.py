"""Evidence packs as the browser lists them."""

from dataclasses import dataclass
from datetime import datetime

from peak_console.operations.views.freshness import NEVER, Freshness


@dataclass(frozen=True, slots=True)
class PackRow:
    """A sealed pack. ``state`` is ``ok`` or ``broken`` where it was verified and nothing changed since."""

    run_id: str
    edition: int
    sealed_at: datetime
    files: int
    size: int
    state: str
    path: str
    recorded: bool
    """Whether the ledger has its ``evidence.sealed``."""


@dataclass(frozen=True, slots=True)
class PacksPage:
    """Every pack, newest first; ``problem`` says why they cannot be listed."""

    rows: tuple[PackRow, ...] = ()
    freshness: Freshness = NEVER
    problem: str = ""
