"""One version of a config, to read."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.config.editing.targets import Target
from peak_console.domain.text import one_line
from peak_console.operations.workbench.shapes import Version
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.history_drawing import HOW, stamp, text_lines
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.document import Document, wrapped

_WIDE = 100
"""Cells from which both ends of its time are told."""


class VersionScreen(Working, PeakScreen):
    """A kept text; it cannot be edited."""

    NAME = "version"
    AUTO_FOCUS = "#version"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("version")]
    DEFAULT_CSS = "VersionScreen #version { height: 1fr; }"

    def __init__(self, target: Target, version: Version) -> None:
        super().__init__()
        self.target, self.version = target, version
        self._text: str | None = None

    def body(self) -> Iterable[Widget]:
        """The text."""
        yield Document(id="version")

    def on_mount(self) -> None:
        """Read it."""
        super().on_mount()
        bench, target, digest = self.peak.bench(), self.target, self.version.digest
        if bench is not None:
            self.long_work().begin(
                "version", lambda _progress, _cancelled: bench.version_text(target, digest)
            )

    def on_work_done(self, message: WorkDone) -> None:
        """Show it, or why it cannot be shown."""
        page = self.query_one(Document)
        if isinstance(message.result, str):
            self._text = text = message.result
            page.show_lines(lambda width: text_lines(text, width), top=True)
        else:
            problem = " ".join(part for part in (message.problem, message.remedy) if part)
            page.show_lines(lambda width: [EMPTY, *wrapped(problem, width, indent="   ", tone=Tone.WARN)])
        self.refresh_keys()

    def trail(self) -> list[str]:
        """Under its history."""
        return [one_line(self.target.name, 40), "History", self.version.digest[:8]]

    def note_line(self) -> Line:
        """That it is only read."""
        return (Span("read only", Tone.DIM),)

    def state_line(self) -> Line:
        """When it was in force, and how it came."""
        one = self.version
        until = "now" if one.until is None else stamp(one.until)
        how = HOW.get(one.how, one_line(one.how, 20))
        if self.app.size.width < _WIDE:
            return (Span(f"{how}, since {stamp(one.since)}", Tone.DIM),)
        return (Span(f"{how} · {stamp(one.since)} to {until}", Tone.DIM),)

    def has_selection(self) -> bool:
        """Whether there is a text to copy."""
        return self._text is not None

    def do_copy(self) -> None:
        """Copy the text."""
        if self._text is not None:
            self.peak.copy(self._text, f"{self.target.name}-{self.version.digest[:12]}")
