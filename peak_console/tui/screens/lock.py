"""The draft of the matrix against the lock of verified models: slot by slot."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.lock_against import LockAgainst, against_lock
from peak_console.operations.views.matrix_facts import level_of
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.lock_drawing import lock_lines
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.document import Document, wrapped


class LockScreen(Working, PeakScreen):
    """What a text and the lock disagree in. Nothing is changed here: ``peak lock write`` writes a lock."""

    NAME = "lock"
    AUTO_FOCUS = "#lock"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("lock")]
    DEFAULT_CSS = "LockScreen #lock { height: 1fr; }"

    def __init__(self, text: str, side: str) -> None:
        super().__init__()
        self._text, self._side = text, side
        self._found: LockAgainst | None = None

    def body(self) -> Iterable[Widget]:
        """The slots."""
        yield Document(id="lock")

    def on_mount(self) -> None:
        """Read it."""
        super().on_mount()
        self.do_read()

    def do_read(self) -> None:
        """Read lock, registry and prices again."""
        workspace, text, now = self.peak.opening.workspace, self._text, self.peak.now()
        level = level_of(self.peak.bar.phase or "")
        if workspace is not None:
            self.long_work().begin("lock", lambda _p, _c: against_lock(workspace, text, level, now))

    def on_work_done(self, message: WorkDone) -> None:
        """Show it, or why it cannot be shown."""
        page = self.query_one(Document)
        if isinstance(message.result, LockAgainst):
            self._found = found = message.result
            page.show_lines(
                lambda width: lock_lines(found, width, side=f"{self._side.upper()} HAS"), top=True
            )
        else:
            problem = " ".join(part for part in (message.problem, message.remedy) if part)
            page.show_lines(lambda width: [EMPTY, *wrapped(problem, width, indent="   ", tone=Tone.WARN)])
        self.show_crumbs()
        self.refresh_keys()

    def trail(self) -> list[str]:
        """Under the matrix."""
        return ["Matrix", "Lock"]

    def note_line(self) -> Line:
        """What is compared."""
        return (Span(f"{self._side} against the lock", Tone.DIM),)

    def state_line(self) -> Line:
        """Which lock."""
        if self._found is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return (Span(f"lock {self._found.digest[:12]}" if self._found.digest else "no lock", Tone.DIM),)

    def has_selection(self) -> bool:
        """Whether there is something to copy."""
        return self._found is not None

    def do_copy(self) -> None:
        """Copy what is shown."""
        if self._found is not None:
            lines = lock_lines(self._found, 160)
            self.peak.copy(
                "\n".join("".join(span.text for span in line).rstrip() for line in lines), "lock-diff"
            )
