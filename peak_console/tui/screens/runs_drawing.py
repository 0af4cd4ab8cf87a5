"""How runs look: a row of the list, and how they came out. Pure."""

from collections.abc import Sequence
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.runs import RunLine
from peak_console.operations.views.runs import IndexState
from peak_console.tui import figures as fig
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.screens.live_drawing import layer_tone
from peak_console.tui.widgets.table import Column

RUN_SIGNS: Final = {
    "ok": ("✓", Tone.OK),
    "failed": ("✗", Tone.BAD),
    "aborted": ("■", Tone.WARN),
    "open": ("…", Tone.ACCENT),
    "lost": ("✗", Tone.BAD),
    "loose": ("·", Tone.DIM),
}
VERDICT_SIGNS: Final = {"PASS": ("✓", Tone.OK), "REVIEW": ("▲", Tone.WARN), "FAIL": ("✗", Tone.BAD)}
_GATES: Final = {"ALLOW": ("✓", Tone.OK)}
_MANY_LAYERS: Final = 3
_USUAL_LAG: Final = 500
"""Events that a busy workspace writes between two looks of the index."""


def outcome_span(line: RunLine) -> Span:
    """How the run came out: sign and word."""
    sign, tone = RUN_SIGNS.get(line.outcome, ("?", Tone.UNKNOWN))
    return Span(f"{sign} {one_line(line.outcome, 20)}", tone)


def verdict_span(verdict: str) -> Span:
    """The critic's strictest word."""
    if not verdict:
        return Span(fig.NONE, Tone.FAINT)
    sign, tone = VERDICT_SIGNS.get(verdict, ("?", Tone.UNKNOWN))
    return Span(f"{sign} {one_line(verdict, 12)}", tone)


def gate_span(gate: str) -> Span:
    """The gate's strictest decision."""
    if not gate:
        return Span(fig.NONE, Tone.FAINT)
    sign, tone = _GATES.get(gate, ("✗", Tone.BAD))
    return Span(f"{sign} {one_line(gate, 20)}", tone)


def _gate_sign(gate: str) -> Span:
    """The decision where there is room for a sign only."""
    text, tone = gate_span(gate)
    return Span(text[:1], tone)


def layers_span(line: RunLine) -> Span:
    """The layers that were asked, in the tone of the highest that is named."""
    names = [one_line(one, 4) for one in line.layers] or [one_line(line.layer, 4)]
    text = f"{names[0]}…{names[-1]}" if len(names) > _MANY_LAYERS else " ".join(names)
    return Span(text, layer_tone(names[-1]))


def calls_span(line: RunLine) -> Span:
    """Calls, and how many hops failed or were refused."""
    bad = line.failed + line.refused
    return Span(f"{line.calls:,}{f' ✗{bad:,}' if bad else ''}", Tone.WARN if bad else Tone.TEXT)


def badges_of(line: RunLine) -> list[str]:
    """What is out of the ordinary about a run, in words."""
    return [
        *(["sealed"] if line.evidence else []),
        *(["fallback"] if line.fallbacks else []),
        *(["at bound"] if line.at_bound else []),
        *(["pruned"] if line.pruned else []),
    ]


def _badges(line: RunLine) -> Span:
    warned = line.fallbacks or line.at_bound
    return Span(" ".join(badges_of(line)), Tone.WARN if warned else Tone.DIM)


def _evidence(line: RunLine) -> Span:
    return Span("▣", Tone.OK) if line.evidence else Span(" ")


RUN_COLUMNS: Final[Sequence[Column[RunLine]]] = (
    Column("DAY", 5, lambda line: Span(f"{line.started:%m-%d}", Tone.FAINT), least=100),
    Column("TIME", 8, lambda line: Span(f"{line.started:%H:%M:%S}", Tone.DIM)),
    Column("PHASE", 9, lambda line: Span(one_line(line.phase, 12) or fig.NONE, Tone.DIM), least=92),
    Column("LAYERS", 8, layers_span),
    Column("OUTCOME", 9, outcome_span),
    Column("CRITIC", 8, lambda line: verdict_span(line.verdict)),
    Column("GATE", 4, lambda line: _gate_sign(line.gate), most=99),
    Column("GATE", 10, lambda line: gate_span(line.gate), least=100),
    Column("CALLS", 6, calls_span, right=True),
    Column("€", 7, lambda line: Span(fig.euros(line.cost)), right=True),
    Column(" ", 1, _evidence, most=99),
    Column("PURPOSE", 12, lambda line: Span(one_line(line.purpose, 120) or fig.NONE), flex=3),
    Column(" ", 8, _badges, least=100, flex=1),
    Column("RUN", 6, lambda line: Span(one_line(line.run_id, 60)[-6:], Tone.FAINT), least=100),
)
"""A run in the list."""


def index_line(state: IndexState, *, short: bool = False, past: bool = False) -> Line:
    """How far the index is behind, or that lists come from the ledger itself; nothing where it is up.

    ``past``: in a replay, for which no index is made.
    """
    if past:
        return (
            Span("ledger read  " if short else "as of this moment the ledger itself is read  ", Tone.DIM),
        )
    if not state.usable:
        return (Span("▲ no index  ", Tone.WARN),)
    if state.behind > _USUAL_LAG:
        what = "behind" if short else "events behind"
        return (Span(f"index {fig.count(state.behind)} {what}  ", Tone.WARN),)
    return ()
