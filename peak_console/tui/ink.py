"""What screens are drawn with: spans of text in named tones, put together to lines. Pure, no terminal.

Drawing functions return lines; :class:`~peak_console.tui.widgets.canvas.Canvas` gives the tones their colours
and passes every text through ``plain()``, so that nothing drawn here can reach the terminal as a control.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Tone(StrEnum):
    """What a piece of text means. Colour follows from it; a sign or a word always stands beside."""

    TEXT = "text"
    STRONG = "strong"
    DIM = "dim"
    FAINT = "faint"
    STROKE = "stroke"
    """Lines and separators; never words."""
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"
    ACCENT = "accent"
    KEY = "key"
    L0 = "l0"
    L1 = "l1"
    L2 = "l2"
    L3 = "l3"
    L4 = "l4"
    CURSOR = "cursor"
    CHIP_OK = "chip-ok"
    CHIP_WARN = "chip-warn"
    CHIP_BAD = "chip-bad"
    CHIP_UNKNOWN = "chip-unknown"
    CHIP_ARMED = "chip-armed"
    CHIP_INFO = "chip-info"


class Span(NamedTuple):
    """Text in one tone."""

    text: str
    tone: Tone = Tone.TEXT

    @property
    def width(self) -> int:
        """Cells on the screen."""
        return cell_len(self.text)


Line = tuple[Span, ...]
"""Spans from left to right."""

EMPTY: Line = ()


def line(*parts: Span | str | tuple[str, Tone]) -> Line:
    """A line of spans; a bare string is ordinary text."""
    return tuple(Span(part) if isinstance(part, str) else Span(*part) for part in parts)


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(span.width for span in spans)


def fit(spans: Sequence[Span], width: int, *, ellipsis: bool = True) -> Line:
    """The spans cut to ``width`` cells, with an ellipsis where something was cut."""
    if width <= 0:
        return EMPTY
    if width_of(spans) <= width:
        return tuple(spans)
    room = width - 1 if ellipsis else width
    kept: list[Span] = []
    for span in spans:
        if span.width > room:
            kept.append(Span(set_cell_size(span.text, room).rstrip() + ("…" if ellipsis else ""), span.tone))
            break
        kept.append(span)
        room -= span.width
    return tuple(kept)


def pad(spans: Sequence[Span], width: int, *, right: bool = False) -> Line:
    """The spans cut or filled with blanks to exactly ``width`` cells."""
    kept = fit(spans, width)
    blank = width - width_of(kept)
    if blank <= 0:
        return kept
    return (Span(" " * blank), *kept) if right else (*kept, Span(" " * blank))


def cell(text: str, width: int, tone: Tone = Tone.TEXT, *, right: bool = False) -> Span:
    """Text as one span of exactly ``width`` cells."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""
    blank = " " * (width - cell_len(text))
    return Span(blank + text if right else text + blank, tone)


def apart(left: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """``left`` and ``right`` at the two ends of a line; the left one gives way."""
    room = width - width_of(right)
    if room < 1:
        return fit(right, width)
    return (*pad(left, room), *right)


def joined(parts: Iterable[Sequence[Span]], gap: str = "  ") -> Line:
    """The non-empty parts with ``gap`` between them."""
    spans: list[Span] = []
    for part in parts:
        if not part:
            continue
        if spans:
            spans.append(Span(gap))
        spans.extend(part)
    return tuple(spans)


def rule(title: Sequence[Span], width: int, right: Sequence[Span] = ()) -> Line:
    """A panel's head: a short stroke, the title, a stroke to the right end."""
    head = (Span("─ ", Tone.STROKE), *title, Span(" "))
    tail = (Span(" "), *right, Span(" ─", Tone.STROKE)) if right else ()
    stroke = width - width_of(head) - width_of(tail)
    if stroke < 1:
        return fit((*head, *tail), width)
    return (*head, Span("─" * stroke, Tone.STROKE), *tail)


def text_of(spans: Iterable[Span]) -> str:
    """The characters alone."""
    return "".join(span.text for span in spans)
