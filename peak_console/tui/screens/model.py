"""A model's page: what the workspace knows of it, where it works, what it costs and until when it answers."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.catalogue import ModelFacts
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, rule
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.widgets.document import Document, wrapped

_NAME = 16
_UNKNOWN = Span("nobody has said", Tone.FAINT)
_STATUS = {"allowed": ("✓", Tone.OK), "retiring": ("▲", Tone.WARN), "not registered": ("▲", Tone.WARN)}
_UNVERIFIED = "not verified by the lock"
_STANDING = {
    "attested": "attested: enough for shadow",
    "changed": "changed since it was locked",
    "expired": "the lock has expired",
    "unsound": "the lock is unsound",
    "no_lock": "there is no lock",
}


class ModelScreen(PeakScreen):
    """Opened from the palette. The facts are those of the moment of opening."""

    NAME = "model"
    AUTO_FOCUS = "#model"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("model")]
    DEFAULT_CSS = "ModelScreen #model { height: 1fr; padding: 0 1; }"

    def __init__(self, facts: ModelFacts) -> None:
        super().__init__()
        self.facts = facts
        self._at = self.peak.now()

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="model")

    def on_mount(self) -> None:
        """Show the facts."""
        super().on_mount()
        facts = self.facts
        self.query_one(Document).show_lines(lambda width: list(model_lines(facts, width)))

    def trail(self) -> list[str]:
        """Models, and this one."""
        return ["Models", one_line(self.facts.name, 60)]

    def state_line(self) -> Line:
        """How old the facts are."""
        return (Span(f"read {fig.age((self.peak.now() - self._at).total_seconds())} ago", Tone.DIM),)

    def do_copy(self) -> None:
        """Copy the model's name as configs write it."""
        self.peak.copy(self.facts.name, "model")


def model_lines(one: ModelFacts, width: int) -> Iterator[Line]:
    """The page, section by section."""
    sign, tone = _STATUS.get(one.status, ("✗", Tone.BAD))
    yield EMPTY
    yield (Span(one_line(one.name, 80), Tone.STRONG), Span(f"   {sign} {one.status}", tone))
    if one.why:
        yield from wrapped(one_line(one.why, 300), width, indent="", tone=Tone.DIM)
    yield from _titled("limits", width)
    yield _pair("family", _said(one.family))
    yield _pair("endpoint", _said(one.endpoint))
    yield _pair("context", _tokens(one.context_tokens))
    yield _pair("max output", _tokens(one.max_output_tokens))
    yield _pair("reads", _said(", ".join(one.modalities)))
    yield from _price(one, width)
    yield from _titled("seen here", width)
    if one.calls:
        yield _pair("calls", Span(f"{one.calls:,}"), f"over {one.span}" if one.span else "")
        yield _pair("latency", Span(f"p50 {_ms(one.p50_ms)}   p95 {_ms(one.p95_ms)}"))
    else:
        yield _pair("calls", Span("none yet", Tone.DIM))
    yield from _titled("end", width)
    if one.retires is None:
        yield _pair("retires", Span("no end is announced", Tone.DIM))
    else:
        left = "" if one.days_left is None else f"in {one.days_left} days"
        near = one.status != "allowed"
        yield _pair("retires", Span(one.retires.isoformat(), Tone.WARN if near else Tone.TEXT), left)
    if one.successor:
        yield _pair("successor", _said(one.successor))
    yield from _titled("where it works", width)
    if not one.used_in:
        yield _pair("slots", Span("none: the matrix does not name it", Tone.DIM))
    for slot in one.used_in:
        said = dict(one.standing).get(slot, "")
        verified = slot in one.verified_in
        mark = Span("✓ verified", Tone.OK) if verified else Span(_STANDING.get(said, _UNVERIFIED), Tone.DIM)
        yield _pair(one_line(slot, 20), mark)


def _price(one: ModelFacts, width: int) -> Iterator[Line]:
    yield from _titled("price, USD for a million tokens", width)
    price = one.price
    if price is None:
        yield _pair("price", Span("no price holds today: it cannot be called within a budget", Tone.WARN))
        return
    yield _pair("input", Span(_usd(price.input_usd_per_mtok)))
    yield _pair("output", Span(_usd(price.output_usd_per_mtok)))
    if price.cache_read_usd_per_mtok is not None:
        yield _pair("cached input", Span(_usd(price.cache_read_usd_per_mtok)))
    yield _pair("source", _said(price.source))
    yield _pair("as of", Span(price.as_of.isoformat()), f"valid from {price.valid_from.isoformat()}")


def _titled(title: str, width: int) -> Iterator[Line]:
    yield EMPTY
    yield rule([Span(title, Tone.DIM)], width)


def _pair(name: str, value: Span, more: str = "") -> Line:
    return (Span(" "), cell(name, _NAME, Tone.DIM), value, Span(f"   {more}" if more else "", Tone.DIM))


def _said(text: str) -> Span:
    return Span(one_line(text, 200)) if text else _UNKNOWN


def _tokens(count: int | None) -> Span:
    return _UNKNOWN if count is None else Span(f"{count:,} tokens")


def _usd(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _ms(value: float | None) -> str:
    return fig.NONE if value is None else fig.latency(value)
