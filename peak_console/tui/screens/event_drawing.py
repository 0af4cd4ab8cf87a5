"""How an event's page looks. Pure."""

from collections.abc import Iterator
from datetime import datetime

from peak_console.domain.text import one_line
from peak_console.operations.views.call_detail import ChainPlace
from peak_console.operations.views.run_detail import EventDetail
from peak_console.operations.views.work import EventProved
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.screens.json_drawing import json_lines
from peak_console.tui.screens.run_drawing import MARK_SIGNS, offset
from peak_console.tui.widgets.document import wrapped

_LABEL = 11


def event_page_lines(event: EventDetail, proof: EventProved | None, width: int, now: datetime) -> list[Line]:
    """The whole page."""
    if event.missing:
        return [EMPTY, (Span(f"  {one_line(event.missing, 300)}", Tone.DIM),)]
    header = {name: value for name, value in event.event.items() if name != "body"}
    body = event.event.get("body")
    return [
        *_summary(event, width, now),
        EMPTY,
        rule((Span("place in the chain"),), width),
        *_place(event, width),
        *_proof(proof, width),
        EMPTY,
        rule((Span("body"),), width, (Span(_body_note(event), Tone.DIM),)),
        *(
            [(Span("  pruned: retention dropped the body; its hash stays", Tone.WARN),)]
            if event.pruned
            else json_lines(body, width)
        ),
        EMPTY,
        rule((Span("header"),), width),
        *json_lines(header, width),
    ]


def _body_note(event: EventDetail) -> str:
    body = event.event.get("body")
    return f"{len(body)} fields" if isinstance(body, dict) else ""


def _pair(label: str, *value: Span) -> Line:
    return (Span("  "), cell(label, _LABEL, Tone.DIM), *value)


def _summary(event: EventDetail, width: int, now: datetime) -> Iterator[Line]:
    line = event.line
    if line is not None:
        sign, tone = MARK_SIGNS[line.mark]
        after = f"   {offset(line.offset_ms)} into the run" if event.run_id else ""
        when = "" if event.at is None else f"   {fig.day_and_clock(event.at, now)}"
        yield fit(
            (
                Span(f"  {sign} {one_line(line.title, 60)}", tone),
                Span(f"   {one_line(event.kind, 60)}", Tone.ACCENT),
                Span(f"{when}{after}", Tone.DIM),
            ),
            width,
        )
        yield from wrapped(one_line(line.words, 400), width) if line.words else ()
    yield fit(_pair("why", Span(one_line(event.why, 300))), width)
    if event.call_id:
        where = (Span(one_line(event.call_id, 60)), Span("   w shows its route and why", Tone.FAINT))
        yield _pair("call", *where)


def _place(event: EventDetail, width: int) -> Iterator[Line]:
    place = event.place
    if place is None:
        return
    yield _pair("event", Span(f"#{place.seq:,}", Tone.STRONG), Span(f"   {place.event_id}", Tone.DIM))
    yield fit(_pair("hash", _holds(holds=place.header_holds), Span(place.hash, Tone.DIM)), width)
    yield fit(_pair("before", _link(place), Span(place.prev_hash, Tone.DIM)), width)
    yield fit(_pair("body", _body(place), Span(place.body_sha256, Tone.DIM)), width)


def _holds(*, holds: bool) -> Span:
    return Span("✓ ", Tone.OK) if holds else Span("✗ does not fit the header  ", Tone.BAD)


def _link(place: ChainPlace) -> Span:
    if place.link_holds is None:
        return Span("? the event before it is not there  ", Tone.UNKNOWN)
    return Span("✓ ", Tone.OK) if place.link_holds else Span("✗ another event stands before it  ", Tone.BAD)


def _body(place: ChainPlace) -> Span:
    if place.body_holds is None:
        return Span("· pruned  ", Tone.DIM)
    return Span("✓ ", Tone.OK) if place.body_holds else Span("✗ the body was changed  ", Tone.BAD)


def _proof(proof: EventProved | None, width: int) -> Iterator[Line]:
    if proof is None:
        yield _pair("proof", Span("being made …", Tone.UNKNOWN))
        return
    if proof.state == "proved":
        words = f"✓ {proof.words} of {proof.size:,} events, by {proof.steps} hashes"
        key = f"   {one_line(proof.key, 60)}" if proof.key else ""
        yield fit(_pair("proof", Span(words, Tone.OK), Span(key, Tone.DIM)), width)
        return
    tone = Tone.UNKNOWN if proof.state == "waiting" else Tone.BAD
    sign = "…" if proof.state == "waiting" else "✗"
    for at, line in enumerate(wrapped(f"{sign} {proof.words}", width, indent=" " * (_LABEL + 2), tone=tone)):
        yield _pair("proof" if not at else "", *line[1:])
    if proof.remedy:
        yield fit(_pair("", Span(one_line(proof.remedy, 200), Tone.DIM)), width)
