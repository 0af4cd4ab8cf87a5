"""Markdown as lines of ink: read by a CommonMark parser, drawn here, so that nothing of it acts. Pure.

No link can be opened, no image is fetched, HTML stands as its own text. Everything drawn passes the canvas'
``plain()`` like any other foreign text (reference: commonmark.org, spec 0.31).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from peak_console.domain.text import plain
from peak_console.tui.ink import EMPTY, Line, Span, Tone, width_of
from peak_console.tui.widgets.document import wrapped

_MOST: Final = 4000
"""Lines that are drawn; the whole is copied."""
_LARGEST: Final = 400_000
"""Characters that are read as Markdown; more is shown as it stands."""
_HEADINGS: Final = {"h1": Tone.STRONG, "h2": Tone.ACCENT}


def markdown_lines(text: str, width: int) -> list[Line]:
    """A Markdown text for ``width`` cells."""
    if len(text) > _LARGEST:
        return wrapped(text, width)
    drawing = _Drawing(max(20, width - 2))
    for token in (
        MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").parse(plain(text))
    ):
        drawing.take(token)
        if len(drawing.lines) > _MOST:
            drawing.lines.append((Span("… cut here; y copies the whole", Tone.WARN),))
            break
    return [(Span("  "), *line) if line else EMPTY for line in drawing.lines]


@dataclass(slots=True)
class _Drawing:
    """Lines so far, and within what the next ones stand."""

    width: int
    lines: list[Line] = field(default_factory=list)
    _lists: list[int | None] = field(default_factory=list)
    _quotes: int = 0
    _bullet: str = ""
    _heading: str = ""
    _cells: list[str] = field(default_factory=list)
    _in_table: bool = False

    def take(self, token: Token) -> None:
        """One token of the parser."""
        rule = getattr(self, f"_on_{token.type}", None)
        if rule is not None:
            rule(token)

    def _gap(self) -> None:
        if self.lines and self.lines[-1] != EMPTY and not (self._lists and self._bullet):
            self.lines.append(EMPTY)

    def _indent(self) -> str:
        return "│ " * self._quotes + "  " * max(0, len(self._lists) - 1)

    def _on_heading_open(self, token: Token) -> None:
        self._gap()
        self._heading = token.tag

    def _on_heading_close(self, token: Token) -> None:
        if token.tag == "h1" and self.lines:
            self.lines.append((Span("─" * min(self.width, width_of(self.lines[-1])), Tone.STROKE),))
        self._heading = ""

    def _on_paragraph_open(self, token: Token) -> None:
        if not token.hidden:
            self._gap()

    def _on_blockquote_open(self, _: Token) -> None:
        self._gap()
        self._quotes += 1

    def _on_blockquote_close(self, _: Token) -> None:
        self._quotes -= 1

    def _on_bullet_list_open(self, _: Token) -> None:
        if not self._lists:
            self._gap()
        self._lists.append(None)

    def _on_ordered_list_open(self, token: Token) -> None:
        if not self._lists:
            self._gap()
        start = token.attrGet("start")
        self._lists.append(start if isinstance(start, int) else 1)

    def _on_bullet_list_close(self, _: Token) -> None:
        self._lists.pop()
        self._bullet = ""

    _on_ordered_list_close = _on_bullet_list_close

    def _on_list_item_open(self, _: Token) -> None:
        number = self._lists[-1]
        if number is None:
            self._bullet = "• "
        else:
            self._bullet = f"{number}. "
            self._lists[-1] = number + 1

    def _on_hr(self, _: Token) -> None:
        self._gap()
        self.lines.append((Span("─" * self.width, Tone.STROKE),))

    def _on_fence(self, token: Token) -> None:
        self._gap()
        for line in token.content.rstrip("\n").split("\n"):
            self.lines += wrapped(line, self.width, indent=f"{self._indent()}┊ ", tone=Tone.DIM)

    _on_code_block = _on_fence
    _on_html_block = _on_fence

    def _on_tr_open(self, _: Token) -> None:
        self._cells, self._in_table = [], True

    def _on_tr_close(self, _: Token) -> None:
        self._in_table = False
        row = "  │  ".join(self._cells)
        self.lines += wrapped(row, self.width, indent=self._indent(), tone=Tone.TEXT)

    def _on_table_open(self, _: Token) -> None:
        self._gap()

    def _on_inline(self, token: Token) -> None:
        spans = list(_inline(token.children or []))
        if self._in_table:
            self._cells.append("".join(span.text for span in spans).replace("\n", " "))
            return
        if self._heading:
            tone = _HEADINGS.get(self._heading, Tone.STRONG)
            spans = [Span(span.text, tone) for span in spans]
        first = f"{self._indent()}{self._bullet}"
        rest = " " * len(self._bullet)
        self.lines += _flowed(spans, self.width, first, f"{self._indent()}{rest}")
        self._bullet = " " * len(self._bullet)


def _inline(tokens: Sequence[Token]) -> Iterator[Span]:
    """The pieces of a paragraph, each in its tone; a link is followed by its address in words."""
    tone, links = [Tone.TEXT], list[str]()
    for token in tokens:
        if token.type in {"strong_open", "em_open"}:
            tone.append(Tone.STRONG)
        elif token.type in {"strong_close", "em_close"}:
            tone.pop()
        elif token.type == "link_open":
            links.append(str(token.attrGet("href") or ""))
            tone.append(Tone.ACCENT)
        elif token.type == "link_close":
            tone.pop()
            address = links.pop()
            yield Span(f" ({address})", Tone.DIM)
        elif token.type == "image":
            yield Span(f"[image: {token.content or 'without words'}]", Tone.DIM)
        elif token.type in {"softbreak", "hardbreak"}:
            yield Span(" " if token.type == "softbreak" else "\n", tone[-1])
        elif token.type == "code_inline":
            yield Span(token.content, Tone.ACCENT)
        elif token.content:
            yield Span(token.content, tone[-1])


def _flowed(spans: Sequence[Span], width: int, first: str, rest: str) -> Iterator[Line]:
    """The spans broken at blanks into lines of at most ``width`` cells."""
    line: list[Span] = [Span(first, Tone.FAINT)]
    used, lead = width_of(line), first
    for span in spans:
        for at, piece in enumerate(span.text.split("\n")):
            if at:
                yield tuple(line)
                line, used = [Span(rest, Tone.FAINT)], width_of([Span(rest)])
            for word in _words(piece):
                shown = Span(word, span.tone)
                if used + shown.width > width and used > len(lead):
                    yield tuple(line)
                    line, lead = [Span(rest, Tone.FAINT)], rest
                    used, shown = width_of(line), Span(word.lstrip(), span.tone)
                line.append(shown)
                used += shown.width
    yield tuple(line)


def _words(text: str) -> Iterator[str]:
    """The text in pieces that each begin with their blanks; what is longer than a line is cut into pieces."""
    start = 0
    for at, char in enumerate(text):
        if at > start and ((char == " " and text[at - 1] != " ") or at - start >= 60):  # noqa: PLR2004 - cells
            yield text[start:at]
            start = at
    if text[start:]:
        yield text[start:]
