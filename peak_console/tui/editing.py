"""What an open editor holds: the config, its draft, what the draft began from, and what lint says of it."""

from dataclasses import dataclass

from peak_console.config.editing.targets import Target
from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.operations.workbench.shapes import Checked, Draft


@dataclass(frozen=True, slots=True)
class OtherDraft:
    """A draft of the same config that is not this console's."""

    draft: Draft
    living: bool
    """Whether another console has it open; else it may be taken up or dropped."""


@dataclass(slots=True)
class EditorState:
    """One config in the editor. The Matrix screen owns it; dialogues that save or compare are handed it."""

    target: Target
    text: str
    """The draft as it stands."""
    base: str | None
    """SHA-256 of the file that the draft began from; ``None`` where there was none."""
    base_text: str
    """That file's text."""
    checked: Checked | None = None
    """What lint said last."""
    checked_text: str | None = None
    """The text it said that of; another than :attr:`text` while a check is under way."""
    draft: Draft | None = None
    """The stored draft that was found when the config was opened."""
    disk: str | None = None
    """SHA-256 of the file when it was last looked at; another than :attr:`base` where it changed outside."""
    disk_by: str = ""
    """What of this console's own put the file in its place that :attr:`disk` names: ``rolled back to …``."""
    locked: str = ""
    """Why it cannot be edited, in words; empty where it can."""
    others: tuple[OtherDraft, ...] = ()
    """Drafts of the same config that other consoles keep or left."""

    @property
    def dirty(self) -> bool:
        """Whether the draft differs from what it began from."""
        return self.text != self.base_text

    @property
    def current(self) -> bool:
        """Whether the findings are those of the text as it stands."""
        return self.checked is not None and self.checked_text == self.text

    @property
    def findings(self) -> tuple[LintFinding, ...]:
        """Findings on the config itself by line, then the errors it causes elsewhere."""
        return () if self.checked is None else (*self.checked.findings, *self.checked.elsewhere)

    @property
    def errors(self) -> int:
        """Findings that stand against a save."""
        return 0 if self.checked is None else self.checked.errors

    @property
    def warnings(self) -> int:
        """Findings that do not."""
        return sum(one.severity is Severity.WARNING for one in self.findings)

    @property
    def origin(self) -> str:
        """What made the stored draft, where that was not the editor: ``import registry``."""
        return "" if self.draft is None or self.draft.origin == "editor" else self.draft.origin
