"""What the workbench tells: checks of a draft, what a save would do, versions and how they differ."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from peak_console.config.editing.differing import KeyChange
from peak_console.config.editing.targets import Target
from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.domain.vocabulary import PhaseLevel

__all__ = ["PROPOSED", "Checked", "Concern", "Draft", "Editor", "KeyChange", "Preview", "Saved", "Version"]


PROPOSED: Final = "proposed"
"""The name of a draft that no editor has taken up: of an import, of a refresh of prices."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What lint says of a text as if it were the file, with all other configs as they stand."""

    target: Target
    findings: tuple[LintFinding, ...]
    """On the target itself, sorted by line."""
    elsewhere: tuple[LintFinding, ...]
    """Errors that the text causes in other files: those that do not stand without it."""
    phase: PhaseLevel

    @property
    def errors(self) -> int:
        """How many errors stand against a save."""
        own = sum(one.severity is Severity.ERROR for one in self.findings)
        return own + len(self.elsewhere)


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a change does and that somebody must confirm, in figures."""

    code: str
    """``only_verified_removed``, ``cost_rises``, ``sod_weakened``."""
    message: str
    figures: dict[str, str] = field(default_factory=dict)
    """Before and after, for people: ``cost_eur_last_24h`` → ``4.10 → 6.90``."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving a text would do, and what still stands against it."""

    target: Target
    base: str | None
    """SHA-256 of the file on disk; ``None`` where there is none."""
    new: str
    diff: str
    """Unified, ``disk`` against ``draft``; empty where they are the same."""
    keys: tuple[KeyChange, ...]
    checked: Checked
    concerns: tuple[Concern, ...]
    needs_approval: bool
    """Whether another operator must approve this very text first (decision 28)."""
    approved_by: str | None

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        return self.base != self.new


@dataclass(frozen=True, slots=True)
class Saved:
    """A save that is done: what is on disk is what was asked for, read back."""

    target: Target
    old: str | None
    new: str
    seq: int
    """Place of its event in the ledger."""
    keys: tuple[KeyChange, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON of a save."""
        return {
            "config": self.target.name,
            "path": self.target.path,
            "old": self.old,
            "new": self.new,
            "seq": self.seq,
            "changes": [{"key": one.key, "old": one.old, "new": one.new} for one in self.keys],
        }


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a config, as long as it was in force without a break."""

    digest: str
    since: datetime
    until: datetime | None
    """``None`` while it is in force."""
    actor: str
    """Who saved it; empty for a change made outside of the workbench."""
    reason: str
    how: str
    """``saved``, ``rolled_back``, ``outside`` (seen by the node), ``first``; ``never_in_force`` for a save
    that was recorded and not carried out: its two times are the same."""
    seq: int
    kept: bool
    """Whether its text is in audits/versions."""
    known_good: bool = False
    incidents: int = 0
    before: bool = False
    """Whether it stood before ``since`` already: a save found it then, and nobody saw since when."""


@dataclass(frozen=True, slots=True)
class Editor:
    """One editor: a console, or one ``edit`` on the command line. A draft is kept for each of them apart."""

    id: str
    """``4711-9f3ac1d2``: its process, and a random part; what people and programs name its draft by."""
    host: str
    space: str
    """The processes that its process number is one of; empty where the system has one space only."""
    boot: str
    pid: int
    started: str
    """When its process began, as the kernel counts; empty where it does not tell."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """An unfinished edit that is kept until it is saved or dropped."""

    target: str
    text: str
    base: str | None
    """SHA-256 of the file the edit began from."""
    base_text: str
    at: datetime
    operator: str
    origin: str = "editor"
    """``editor``, or what made it: ``import registry``, ``prices refresh``, …"""
    editor: Editor | None = None
    """Whose it is; ``None`` for a proposal that nobody has taken up yet."""

    @property
    def id(self) -> str:
        """What it is named by among the drafts of its config."""
        return PROPOSED if self.editor is None else self.editor.id
