"""What an import comes to: changes by config, with every mapping, loss and conflict."""

from dataclasses import dataclass, field
from typing import Final

from peak_console.config.editing.changes import Change
from peak_console.operations.importing.foreign import Lost

OURS: Final = "ours"
THEIRS: Final = "theirs"
SHOWN: Final = 120
"""Characters of a foreign text that a report shows."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Something that was taken over, or that stood here already."""

    source: str
    config: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that stands here as something else."""

    source: str
    config: str
    key: str
    ours: str
    theirs: str
    taken: str
    """``ours`` or ``theirs``: which of both the draft holds."""
    why: str


@dataclass(slots=True)
class Proposal:
    """Changes by config, and all that was found on the way."""

    changes: dict[str, list[Change]] = field(default_factory=dict)
    mapped: list[Mapped] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def change(self, config: str, *changes: Change) -> None:
        """Add changes to a config's draft."""
        self.changes.setdefault(config, []).extend(changes)
