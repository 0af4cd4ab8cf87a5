"""How a run's page looks: what it was and came to, its timeline, its artefacts. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.runs import RunLine
from peak_console.operations.views.run_detail import ArtefactLine, RunDetail
from peak_console.operations.views.timeline import Mark, Place, TimelineLine
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule
from peak_console.tui.screens.live_drawing import layer_tone
from peak_console.tui.screens.runs_drawing import gate_span, outcome_span, verdict_span
from peak_console.tui.widgets.table import Column

MARK_SIGNS: Final = {
    Mark.BEGIN: ("▶", Tone.ACCENT),
    Mark.END: ("✓", Tone.OK),
    Mark.ASK: ("→", Tone.DIM),
    Mark.OK: ("✓", Tone.OK),
    Mark.WARN: ("▲", Tone.WARN),
    Mark.BAD: ("✗", Tone.BAD),
    Mark.TURN: ("↷", Tone.WARN),
    Mark.JUDGE: ("◇", Tone.ACCENT),
    Mark.GATE: ("✓", Tone.OK),
    Mark.ORDER: ("◆", Tone.ACCENT),
    Mark.SEAL: ("▣", Tone.OK),
    Mark.NOTE: ("·", Tone.DIM),
}
ARTEFACT_SIGNS: Final = {
    "ok": ("✓", Tone.OK),
    "changed": ("✗", Tone.BAD),
    "missing": ("✗", Tone.BAD),
    "removed": ("·", Tone.DIM),
    "unchecked": ("?", Tone.UNKNOWN),
}
_GUIDES: Final = {Place.ALONE: "  ", Place.FIRST: "┌ ", Place.WITHIN: "│ ", Place.LAST: "└ "}
_LABEL: Final = 10
_HOUR_MS: Final = 3_600_000
_NAMED: Final = 3


def offset(milliseconds: float) -> str:
    """Time since the run began: ``+0.4s``, ``+12s``, ``+6m12``, ``+2h05``."""
    if milliseconds < _HOUR_MS:
        return f"+{fig.latency(milliseconds)}"
    minutes = int(milliseconds // 60_000)
    return f"+{minutes // 60}h{minutes % 60:02d}"


def _happened(line: TimelineLine) -> Span:
    sign, tone = MARK_SIGNS[line.mark]
    return Span(f"{_GUIDES[line.place]}{sign} {one_line(line.title, 60)}", tone)


def _words(line: TimelineLine) -> Span:
    if line.pruned:
        return Span("pruned: its body was dropped by retention", Tone.DIM)
    tone = Tone.TEXT if line.mark in {Mark.BAD, Mark.WARN, Mark.ORDER} else Tone.DIM
    return Span(one_line(line.words, 240), tone)


def _tokens(line: TimelineLine) -> Span:
    if not line.tokens_in and not line.tokens_out:
        return Span("")
    return Span(f"{fig.count(line.tokens_in)}→{fig.count(line.tokens_out)}", Tone.DIM)


TIMELINE_COLUMNS: Final[Sequence[Column[TimelineLine]]] = (
    Column("AFTER", 7, lambda line: Span(offset(line.offset_ms), Tone.DIM), right=True),
    Column(" ", 2, lambda line: Span(one_line(line.layer, 2), layer_tone(line.layer))),
    Column("WHAT", 22, _happened, flex=1),
    Column("WITH", 16, _words, flex=4),
    Column("TOKENS", 12, _tokens, right=True, least=100),
    Column(
        "TIME",
        6,
        lambda line: Span("" if line.latency_ms is None else fig.latency(line.latency_ms)),
        right=True,
    ),
    Column("€", 7, lambda line: Span("" if line.cost is None else fig.euros(line.cost)), right=True),
    Column("EVENT", 10, lambda line: Span(f"#{line.seq:,}", Tone.FAINT), right=True, least=100),
)
"""An event in a run's timeline."""


def head_lines(run: RunDetail, width: int, now: datetime, missing: str = "") -> list[Line]:
    """The run in a few lines, above its timeline; ``missing`` asks whether to seal without that."""
    line = run.line
    if line is None:
        return [EMPTY, (Span(f"  {one_line(run.missing, 300)}", Tone.DIM),)]
    return [
        fit(tuple(_outcome(line, now)), width),
        fit(_pair("purpose", Span(one_line(line.purpose, 160) or fig.NONE)), width),
        fit(_pair("figures", *_figures(run, line)), width),
        fit(_pair("artefacts", *_artefacts(run.artefacts)), width),
        fit(_pair("evidence", *(_question(missing) if missing else _evidence(run, line))), width),
    ]


def _pair(label: str, *value: Span) -> Line:
    return (Span(" "), cell(label, _LABEL, Tone.DIM), *value)


def _outcome(line: RunLine, now: datetime) -> Iterator[Span]:
    told = outcome_span(line)
    yield Span(f" {told.text}", told.tone)
    yield Span(f"   {fig.day_and_clock(line.started, now)}", Tone.DIM)
    ended = line.finished or line.last
    took = max(0.0, (ended - line.started).total_seconds() * 1000)
    word = "took" if line.finished else "last event after"
    yield Span(f"   {word} {offset(took).removeprefix('+')}", Tone.DIM)
    yield Span("   critic ", Tone.DIM)
    yield verdict_span(line.verdict)
    yield Span("   gate ", Tone.DIM)
    yield gate_span(line.gate)
    yield Span(f"   {one_line(line.phase, 20)}", Tone.DIM)
    if line.simulated:
        yield Span("   simulated", Tone.WARN)


def _figures(run: RunDetail, line: RunLine) -> Iterator[Span]:
    yield Span(f"€ {fig.exact_euros(line.cost)}", Tone.STRONG)
    if line.at_bound:
        yield Span(f" (€ {fig.brief_euros(line.at_bound)} at its bound)", Tone.WARN)
    counts = f"   {_count(line.calls, 'call')}, {_count(line.hops, 'hop')}"
    yield Span(counts)
    for count, word in ((line.failed, "failed"), (line.refused, "refused"), (line.in_flight, "in flight")):
        if count:
            yield Span(f", {count:,} {word}", Tone.WARN)
    if line.fallbacks:
        yield Span(f", {_count(line.fallbacks, 'fallback')}", Tone.WARN)
    yield Span(f"   {line.tokens_in:,}→{line.tokens_out:,} tokens", Tone.DIM)
    if run.p50_ms is not None:
        yield Span(f"   p50 {fig.latency(run.p50_ms)}, longest {fig.latency(run.longest_ms)}", Tone.DIM)
    if line.pruned:
        yield Span(f"   {_count(line.pruned, 'body', 'bodies')} pruned", Tone.WARN)


def _count(count: int, word: str, words: str = "") -> str:
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def _artefacts(artefacts: Sequence[ArtefactLine]) -> Iterator[Span]:
    if not artefacts:
        yield Span("none written", Tone.DIM)
        return
    if all(one.state == "removed" for one in artefacts):
        yield Span(f"{_count(len(artefacts), 'file')}, not here any more", Tone.DIM)
        yield Span("   a lists them with their hashes", Tone.FAINT)
        return
    bad = [one for one in artefacts if one.state in {"changed", "missing"}]
    shown = bad or list(artefacts)
    fine = sum(one.state == "ok" for one in artefacts)
    tone = Tone.BAD if bad else Tone.OK if fine == len(artefacts) else Tone.UNKNOWN
    sign = "✗" if bad else "✓" if fine == len(artefacts) else "?"
    yield Span(f"{sign} {fine} of {len(artefacts)} as hashed", tone)
    for one in shown[:_NAMED]:
        state = f" {one.state}" if one.state != "ok" else ""
        yield Span(f"   {one_line(one.path, 60)}{state}", Tone.BAD if bad else Tone.DIM)
    if len(shown) > _NAMED:
        yield Span(f"   {len(shown) - _NAMED} more", Tone.DIM)
    yield Span("   a lists them", Tone.FAINT)


def _question(missing: str) -> Iterator[Span]:
    yield Span(f"▲ {one_line(missing, 90)}", Tone.WARN)
    yield Span("   b", Tone.KEY)
    yield Span(" again seals without", Tone.TEXT)


def _evidence(run: RunDetail, line: RunLine) -> Iterator[Span]:
    pack = run.pack
    if pack.state == "none":
        if line.evidence:
            yield Span("✗ sealed on the ledger, and not in audits/", Tone.BAD)
            return
        yield Span("none sealed", Tone.DIM)
        yield Span("   b seals it" if line.finished else "   sealed once it has ended", Tone.FAINT)
        return
    edition = f", edition {pack.edition}" if pack.edition > 1 else ""
    yield Span("▣ sealed", Tone.ACCENT)
    yield Span(f"{edition}, {_count(pack.files, 'file')}, {fig.size(pack.size)}", Tone.DIM)
    yield Span("   e opens and verifies it", Tone.FAINT)


def artefact_lines(run: RunDetail, width: int) -> list[Line]:
    """Every artefact with its hash and whether it still has it."""
    title = (Span("artefacts"),)
    lines: list[Line] = [rule(title, width)]
    if not run.artefacts:
        why = "the run has not ended: what it wrote is told at its end"
        ended = run.line is not None and run.line.finished is not None
        lines.append((Span(f"  {'the run wrote none' if ended else why}", Tone.DIM),))
    for one in run.artefacts:
        sign, tone = ARTEFACT_SIGNS.get(one.state, ("?", Tone.UNKNOWN))
        name = cell(one_line(one.path, 120), max(20, width - 50))
        state = cell(f"{sign} {one.state}", 12, tone)
        size = cell(fig.size(one.size), 9, Tone.DIM, right=True)
        sha256 = Span(f"  {one_line(one.sha256, 64)[:16]}…", Tone.FAINT)
        lines.append(fit((Span("  "), state, name, size, sha256), width))
        if one.why:
            lines.append(fit((Span("      "), Span(one_line(one.why, 160), tone)), width))
    return lines
