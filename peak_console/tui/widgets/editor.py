"""The text of a config being edited, with lint's marks in the gutter and under the text."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Key
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import LanguageDoesNotExist

from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.domain.text import plain
from peak_console.tui.editor_theme import dress

_SIGNS: Final = {Severity.ERROR: ("✗", "ink-bad"), Severity.WARNING: ("▲", "ink-warn")}
_WIDTH_STEP: Final = 40
_ENDS: Final = " \t=#]"
_TYPES: Final = frozenset({"enter", "backspace", "delete", "ctrl+z", "ctrl+y", "ctrl+k", "ctrl+u", "ctrl+w"})
"""Keys that change a text without being printable."""
_TINT: Final = 0.10
"""How much of the accent the ground of the lines of a slot has."""


class ConfigEditor(TextArea):
    """Textual's editor with marks. Tab leads on, Escape leaves it; what is shown passed ``plain()``."""

    DEFAULT_CSS = """
    ConfigEditor {
        border: none; padding: 0; height: 1fr; width: 1fr;
        scrollbar-size: 0 1;
        &:focus { border: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "ends(False)", "start", show=False),
        Binding("ctrl+end", "ends(True)", "end", show=False),
        Binding("ctrl+shift+home", "ends(False, True)", "select to the start", show=False),
        Binding("ctrl+shift+end", "ends(True, True)", "select to the end", show=False),
    ]

    class Refused(Message):
        """A key that types was pressed in a text that takes none."""

    def __init__(self, text: str, *, language: str | None, id: str | None = None) -> None:  # noqa: A002 - Textual's
        self._marks: dict[int, tuple[Severity, tuple[tuple[int, Severity], ...]]] = {}
        self._slot = range(0)
        super().__init__(
            text,
            soft_wrap=language == "markdown",
            tab_behavior="focus",
            show_line_numbers=True,
            max_checkpoints=200,
            id=id,
            compact=True,
        )
        self.cursor_blink = False
        if language == "toml":
            try:
                self.language = language
            except LanguageDoesNotExist:  # without the grammar the text is plain
                self.language = None

    def _on_mount(self, event: object) -> None:
        super()._on_mount(event)  # type: ignore[arg-type]
        dress(self)

    async def _on_key(self, event: Key) -> None:
        if self.read_only and (event.is_printable or event.key in _TYPES):
            self.post_message(self.Refused())
            return
        await super()._on_key(event)

    def action_ends(self, last: bool, select: bool = False) -> None:  # noqa: FBT001, FBT002 - a binding's
        """To the start of the text, or to its end."""
        self.move_cursor(self.document.end if last else (0, 0), select=select)

    # -- marks

    def show_slot(self, lines: range) -> None:
        """Set the lines of a slot, counted from 0, apart from the others; an empty range sets none."""
        if lines != self._slot:
            self._slot = lines
            self._line_cache.clear()
            self.refresh()

    @property
    def slot_lines(self) -> range:
        """The lines that are set apart."""
        return self._slot

    def show_findings(self, findings: Sequence[LintFinding]) -> None:
        """Mark the lines of ``findings``; repaints only where something changed."""
        found: dict[int, list[tuple[int, Severity]]] = {}
        for one in findings:
            found.setdefault(one.line - 1, []).append((one.column - 1, one.severity))
        marks = {line: (_graver(spots), tuple(sorted(spots))) for line, spots in found.items()}
        if marks != self._marks:
            self._marks = marks
            self._line_cache.clear()
            self.refresh()

    @property
    def marked_lines(self) -> Mapping[int, Severity]:
        """The lines with a mark, from 0, and the gravest on each."""
        return {line: mark[0] for line, mark in self._marks.items()}

    def get_line(self, line_index: int) -> Text:
        """The line made plain, with what is found fault with underlined."""
        line = Text(plain(self.document.get_line(line_index)), end="", no_wrap=True)
        for column, severity in self._marks.get(line_index, (None, ()))[1]:
            start, end = _token(line.plain, column)
            line.stylize(self._ink(_SIGNS[severity][1], underline=True), start, end)
        return line

    def _render_line(self, y: int) -> Strip:
        strip = super()._render_line(y)
        place = y + self.scroll_offset.y
        lines = self.wrapped_document._offset_to_line_info  # noqa: SLF001 - as Textual's own drawing does
        if place >= len(lines):
            return strip
        if lines[place][0] in self._slot:
            strip = self._set_apart(strip)
        if lines[place][1] or (mark := self._marks.get(lines[place][0])) is None:
            return strip
        sign, ink = _SIGNS[mark[0]]
        width = self.gutter_width
        style = self._ink(ink) + Style(bgcolor=_ground(strip))
        return Strip.join(
            [
                strip.crop(0, width - 2),
                Strip([Segment(sign, style)], 1),
                strip.crop(width - 1, strip.cell_length),
            ]
        )

    def _set_apart(self, strip: Strip) -> Strip:
        """A bar before the text, and another ground where the line has none of its own."""
        width, ground = self.gutter_width, _ground(strip)
        bar = Strip([Segment("▎", self._ink("ink-accent") + Style(bgcolor=ground))], 1)
        strip = Strip.join([strip.crop(0, width - 1), bar, strip.crop(width, strip.cell_length)])
        if ground is None or self.app.current_theme.ansi:
            return strip
        accent = Color.parse(self.app.theme_variables["ink-accent"])
        tint = Style(bgcolor=Color.from_rich_color(ground).blend(accent, _TINT).rich_color)
        parts = [
            Segment(text, (style or Style()) + tint if _has_ground(style, ground) else style, control)
            for text, style, control in strip
        ]
        return Strip(parts, strip.cell_length)

    def _ink(self, name: str, *, underline: bool | None = None) -> Style:
        colour = Color.parse(self.app.theme_variables[name]).rich_color
        return Style(color=colour, underline=underline, bold=True)

    def _refresh_size(self) -> None:
        """The text's size, its width in steps: a longest line that grows lays the screen out once a step."""
        if self.soft_wrap:
            super()._refresh_size()
            return
        width, height = self.document.get_size(self.indent_width)
        steps = -(-(width + self.gutter_width + 1) // _WIDTH_STEP)
        self.virtual_size = Size(steps * _WIDTH_STEP, height)
        self._refresh_scrollbars()

    # -- going and changing

    def go_to(self, line: int, column: int) -> None:
        """Put the cursor at a place that counts from 1, in the middle of what is in view."""
        row = max(0, min(line - 1, self.document.line_count - 1))
        place = (row, max(0, min(column - 1, len(self.document.get_line(row)))))
        self.move_cursor(place, center=True)

    def in_view(self, line: int) -> bool:
        """Whether a line, counted from 1, can be seen."""
        top = self.wrapped_document.location_to_offset((min(line, self.document.line_count) - 1, 0)).y
        return 0 <= top - self.scroll_offset.y < self.size.height

    def take(self, text: str) -> int:
        """Make the text ``text`` by one edit of the lines that differ; ``ctrl+z`` takes it back.

        Gives the first line that is another, counted from 1; 0 where none is.
        """
        old, new = self.document.lines, text.splitlines()
        if not new or text.endswith(("\n", "\r")):
            new.append("")
        top = _common(old, new)
        tail = _common(old[top:][::-1], new[top:][::-1])
        gone, come = old[top : len(old) - tail], new[top : len(new) - tail]
        if not gone and not come:
            return 0
        if not tail:  # the last line has no line after it to begin at
            start = (
                (top, 0) if top < len(old) and come else (max(0, top - 1), len(old[top - 1]) if top else 0)
            )
            lead = "\n" if start[0] < top and come else ""
            self._edit(lead + "\n".join(come), start, (len(old) - 1, len(old[-1])))
        else:
            self._edit("".join(f"{line}\n" for line in come), (top, 0), (top + len(gone), 0))
        return top + 1

    def _edit(self, text: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        was = self.read_only
        self.read_only = False
        self.replace(text, start, end, maintain_selection_offset=True)
        self.read_only = was

    @property
    def word(self) -> tuple[str, tuple[int, int], tuple[int, int]]:
        """The word that is being typed: what stands of it before the cursor, and where it begins and ends."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        start = column
        while start and (line[start - 1].isalnum() or line[start - 1] in "-_.:/@"):
            start -= 1
        end = column
        while end < len(line) and (line[end].isalnum() or line[end] in "-_.:/@"):
            end += 1
        return line[start:column], (row, start), (row, end)


def _graver(spots: Sequence[tuple[int, Severity]]) -> Severity:
    return Severity.ERROR if any(one is Severity.ERROR for _, one in spots) else Severity.WARNING


def _end(line: str, column: int) -> int:
    """Where what begins at ``column`` ends: at the end of a word or of a quoted text."""
    quote = line[column : column + 1]
    if quote in {'"', "'"}:
        found = line.find(quote, column + 1)
        return found + 1 if found > 0 else len(line)
    end = column
    while end < len(line) and line[end] not in _ENDS:
        end += 1
    return max(end, column + 1)


def _token(line: str, column: int) -> tuple[int, int]:
    """What is marked of a line: from ``column`` on, or its last token where nothing stands there."""
    end = len(line.rstrip())
    if column < end:
        return column, _end(line, column)
    start = end
    while start and line[start - 1] not in _ENDS:
        start -= 1
    return start, end


def _has_ground(style: Style | None, ground: RichColor) -> bool:
    return style is None or style.bgcolor is None or style.bgcolor == ground


def _ground(strip: Strip) -> RichColor | None:
    last = strip._segments[0].style if strip._segments else None  # noqa: SLF001 - of one's own strip
    return last.bgcolor if last is not None else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))
