"""The token, shown once: in this modal alone, never copied, logged or kept; gone when it closes."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cached_cell_len
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmRequestLine
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.widgets.canvas import Canvas
from peak_console.tui.widgets.lines import Lines

_WIDTH = 72


class TokenLine(Canvas):
    """The token in letters wide apart. It cannot be selected, and so not be copied."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "TokenLine { height: 3; }"

    def __init__(self, token: str) -> None:
        super().__init__(id="arm-token-line")
        self._letters = [Span(f" {one} ", Tone.CHIP_WARN if one != "-" else Tone.STRONG) for one in token]

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The letters."""
        return [EMPTY, (Span("     "), *self._letters), EMPTY][:height] if width else []

    def forget(self) -> None:
        """Let go of it: the letters, what was drawn of them, and the widths that were kept by text."""
        self._letters = []
        self._strips = []
        cached_cell_len.cache_clear()


class ArmToken(PeakModal):
    """Shows the token until it was noted, or until its time is over."""

    NAME = "arm-token"
    NEEDS_ROOM = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("arm-token")]
    DEFAULT_CSS = "ArmToken .panel { border: round $ink-warn; }"

    def __init__(self, request: ArmRequestLine, token: str) -> None:
        super().__init__()
        self._request = request
        self._line: TokenLine | None = TokenLine(token)

    def panel(self) -> Iterable[Widget]:
        """The token, how long it holds, what comes next."""
        shown = [self._line] if self._line is not None else []
        framed = Vertical(
            Lines(self._words(), id="arm-token-words"), *shown, Lines(self._next()), classes="panel"
        )
        framed.border_title = "the token, once"
        yield framed

    def _left_s(self) -> float:
        until = self._request.token_until
        return 0.0 if until is None else max(0.0, (until - self.peak.now()).total_seconds())

    def _words(self) -> list[Line]:
        chip = Span(" DRILL ", Tone.CHIP_INFO) if self._request.drill else Span(" LIVE ", Tone.CHIP_WARN)
        waits = self._request.token_until is None
        holds = (
            "  holds from the approval on" if waits else f"  holds for {figures.countdown(self._left_s())}"
        )
        return [(chip, Span("  note it: it is never shown again", Tone.STRONG), Span(holds, Tone.WARN))]

    def _next(self) -> list[Line]:
        lines: list[Line] = [
            (Span("It is typed into a hidden field, with this phrase:", Tone.DIM),),
            fit((Span("  "), Span(one_line(self._request.phrase, 120), Tone.STRONG)), _WIDTH),
            EMPTY,
        ]
        if self._request.needs_approval:
            command = f'peak arm approve {one_line(self._request.request_id, 40)} --reason "…"'
            lines += [
                (Span("Another operator approves it first: ", Tone.WARN), Span("5 p", Tone.KEY)),
                fit((Span("  $ ", Tone.FAINT), Span(command, Tone.ACCENT)), _WIDTH),
                EMPTY,
            ]
        key: Line = (
            Span(" c ", Tone.KEY),
            Span("  I have it: it leaves the screen, and I type it", Tone.STRONG),
        )
        return [*lines, key, (Span(" esc ", Tone.KEY), Span("hides it too; the request stands", Tone.DIM))]

    def tick(self) -> None:
        """A second has passed; when its time is over it goes."""
        super().tick()
        self.query_one("#arm-token-words", Lines).show_lines(self._words())
        if self._request.token_until is not None and not self._left_s():
            self.peak.say("the token's time is over: ask anew", severity="warning")
            self.do_back()

    def _forget(self) -> None:
        if self._line is not None:
            self._line.forget()
        self._line = None

    def on_unmount(self) -> None:
        """However it closes."""
        self._forget()

    def do_arm_noted(self) -> None:
        """On to the dialogue that takes it."""
        from peak_console.tui.screens.arm_confirm import ArmConfirm  # noqa: PLC0415 - when it comes to that

        self._forget()
        self.dismiss()
        if self._request.needs_approval:
            self.peak.say("another operator approves it now; then c types the token")
            return
        self.app.push_screen(ArmConfirm(self._request))

    def do_back(self) -> None:
        """Hide it; the request stands."""
        self._forget()
        self.dismiss()
