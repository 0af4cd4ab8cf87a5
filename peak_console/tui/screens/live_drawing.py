"""How the Live screen's snapshot looks: figures, layers, columns, alerts. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from peak_console.domain.text import one_line
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.live import Alert, KeyFigures, LiveSnapshot, Severity, SlotRow
from peak_console.operations.views.shadow_bar import DriftTrouble
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, pad, rule, width_of
from peak_console.tui.plot import Alphabet, spark, time_axis
from peak_console.tui.screens.provider_drawing import marked_model
from peak_console.tui.widgets.table import Column

if TYPE_CHECKING:
    from peak_console.operations.views.call_filter import CallFilter

_WIDE: Final = 98
_FULL, _NEARLY = 100, 80
_SHARES: Final = (11, 9, 10, 8, 9, 10, 14, 9)
"""How wide the key figures are beside each other."""
LAYER_TONES: Final = {"L0": Tone.L0, "L1": Tone.L1, "L2": Tone.L2, "L3": Tone.L3, "L4": Tone.L4}
_SEVERITY: Final = {
    Severity.BAD: ("✗", Tone.BAD),
    Severity.WARN: ("▲", Tone.WARN),
    Severity.INFO: ("·", Tone.ACCENT),
}
OUTCOME_SIGNS: Final = {
    "ok": ("✓", Tone.OK),
    "failed": ("✗", Tone.BAD),
    "refused": ("■", Tone.WARN),
    "open": ("…", Tone.ACCENT),
}


def layer_tone(layer: str) -> Tone:
    """The tone of a layer."""
    return LAYER_TONES.get(layer, Tone.DIM)


def figures_lines(
    snapshot: LiveSnapshot | None, width: int, height: int, *, stale: bool = False
) -> list[Line]:
    """The key figures: names, values, and what stands behind them where there is a third row."""
    tiles = _tiles(snapshot.figures if snapshot else KeyFigures(), snapshot, wide=width >= _WIDE, stale=stale)
    rows: list[list[Span]] = [[], [], []]
    for (name, value, below), share, before in zip(tiles, _SHARES, accumulate((0, *_SHARES)), strict=False):
        room = width * (before + share) // sum(_SHARES) - width * before // sum(_SHARES)
        rows[0].append(cell(name, room, Tone.DIM))
        rows[1].extend(pad(value, room))
        rows[2].append(cell(below, room, Tone.DIM))
    return [tuple(row) for row in rows[:height]]


def _tiles(
    figures: KeyFigures, snapshot: LiveSnapshot | None, *, wide: bool, stale: bool
) -> list[tuple[str, Line, str]]:
    found = snapshot.marks if snapshot else {}
    label = snapshot.window.label if snapshot else ""

    def value(name: str, text: str) -> Line:
        severity = found.get(name)
        if severity is None:
            known = Tone.WARN if stale else Tone.STRONG
            return (Span(text, known if text != fig.NONE else Tone.UNKNOWN),)
        sign, tone = _SEVERITY[severity]
        return (Span(f"{sign} {text}", tone),)

    errors = "" if figures.error_pct is None else f"of {fig.count(figures.judged_by)}"
    judged = f"of {fig.count(figures.critic_judged)}" if figures.critic_judged else "none judged"
    spent = fig.euros(figures.cost_today)
    limit = fig.euros(figures.budget_today).removesuffix(".00") if figures.budget_today else ""
    projected = f"→ {fig.euros(figures.cost_projected)}/day" if figures.cost_projected is not None else ""
    return [
        (
            "CALLS/MIN",
            value("calls", fig.rate(figures.calls_per_min_now)),
            f"{fig.rate(figures.calls_per_min)} in {label}",
        ),
        ("ERROR %", value("error_pct", fig.percent(figures.error_pct)), errors),
        (
            "FALLBACK %" if wide else "FALLB %",
            value("fallback_pct", fig.percent(figures.fallback_pct)),
            f"{fig.count(figures.refused)} refused",
        ),
        ("P50", value("p50_ms", fig.latency(figures.p50_ms)), "median"),
        ("P95", value("p95_ms", fig.latency(figures.p95_ms)), "1 in 20 over"),
        ("P99", value("p99_ms", fig.latency(figures.p99_ms)), "1 in 100 over"),
        ("€ TODAY", value("cost_today", f"{spent}/{limit}" if limit else spent), projected),
        (
            "CRITIC FAIL %" if wide else "CRITIC %",
            value("critic_fail_pct", fig.percent(figures.critic_fail_pct)),
            judged,
        ),
    ]


def volume_lines(snapshot: LiveSnapshot | None, width: int, height: int, alphabet: Alphabet) -> list[Line]:
    """Calls a minute by layer: one row a layer, each on its own scale, its last value at the right."""
    head_right: Line = EMPTY
    rows: list[Line] = []
    volume = snapshot.series.volume if snapshot else ()
    if snapshot and volume:
        total = _total([points for _, points in volume])
        head_right = (Span(fig.rate(_last(total)), Tone.STRONG), Span(" all", Tone.DIM))
        shown = volume[: height - 1]
        room = width - 3 - 7
        for layer, points in shown:
            tone = layer_tone(layer)
            high = max((point for point in points if point is not None), default=0.0)
            marks_ = spark(points, room, top=high or 1.0, alphabet=alphabet)
            rows.append(
                (
                    Span(f"{layer} ", tone),
                    Span(marks_, tone),
                    cell(f" {fig.rate(_last(points))}", 7, Tone.TEXT, right=True),
                )
            )
        if height > len(rows) + 1:
            rows.append(time_axis(snapshot.window.seconds, room, indent=3))
    elif snapshot:
        rows = [EMPTY, (Span("  no call in this window", Tone.DIM),)]
    return [rule((Span("calls/min"), Span(" by layer", Tone.DIM)), width, head_right), *rows]


def _total(series: Sequence[Sequence[float | None]]) -> list[float | None]:
    return [
        None if all(value is None for value in values) else sum(value or 0.0 for value in values)
        for values in zip(*series, strict=False)
    ]


def _last(points: Sequence[float | None]) -> float | None:
    return next((point for point in reversed(points) if point is not None), None)


def _share(value: float | None, warn: float) -> Span:
    text = fig.percent(value)
    if value is None:
        return Span(text, Tone.UNKNOWN)
    return Span(f"▲{text}", Tone.WARN) if value >= warn else Span(text)


def _budget(row: SlotRow) -> Span:
    if row.budget_pct is None:
        return Span(fig.NONE, Tone.UNKNOWN)
    gauge = " ▏▎▍▌▋▊▉█"[min(8, max(0, math.ceil(row.budget_pct / 100 * 8 - 0.08)))]
    tone = Tone.BAD if row.budget_pct >= _FULL else Tone.WARN if row.budget_pct >= _NEARLY else Tone.TEXT
    return Span(f"{gauge} {row.budget_pct:3.0f} %", tone)


_SLOT_COLUMNS: Final[tuple[Column[SlotRow], ...]] = (
    Column("LAYER", 6, lambda row: Span(one_line(row.slot.layer, 5), layer_tone(row.slot.layer))),
    Column("ROLE", 8, lambda row: Span(one_line(row.slot.role, 8), Tone.DIM)),
    Column("PROVIDER", 8, lambda row: Span(one_line(row.slot.provider, 20)), flex=1),
    Column("MODEL", 12, lambda row: Span(one_line(row.slot.model_id, 60), Tone.STRONG), flex=4),
    Column("CALLS", 6, lambda row: Span(fig.count(row.calls)), right=True),
    Column("ERR%", 5, lambda row: _share(row.error_pct, 2.0), right=True),
    Column(
        "FB%",
        5,
        lambda row: _share(row.fallback_pct, 5.0),
        right=True,
    ),
    Column("P50", 5, lambda row: Span(fig.latency(row.p50_ms)), right=True),
    Column("P95", 5, lambda row: Span(fig.latency(row.p95_ms)), right=True),
    Column("€TODAY", 7, lambda row: Span(fig.euros(row.cost_today)), right=True),
    Column("BUDGET", 7, _budget, right=True, least=90),
    Column("", 9, lambda row: Span(" ".join(row.flags), Tone.WARN), least=104),
)
"""The table's columns. The budget share and the flags need more than 80 cells."""


def slot_columns(
    breakers: Callable[[], Sequence[BreakerLine]],
    drift: Callable[[], Sequence[DriftTrouble]] = lambda: (),
) -> tuple[Column[SlotRow], ...]:
    """The table's columns; a model that calls are kept away from, or that drifts, carries a sign."""
    return tuple(
        replace(one, draw=lambda row: marked_model(row, breakers(), drift())) if one.title == "MODEL" else one
        for one in _SLOT_COLUMNS
    )


_ROLE_ORDER: Final = {"primary": "0", "fallback": "1", "critic": "2"}
SortKey = Callable[[SlotRow], tuple[float | str, ...]]
SORTS: Final[tuple[tuple[str, SortKey, bool], ...]] = (
    (
        "LAYER",
        lambda row: (
            row.slot.layer,
            _ROLE_ORDER.get(row.slot.role, "9"),
            row.slot.provider,
            row.slot.model_id,
        ),
        False,
    ),
    ("CALLS", lambda row: (row.calls,), True),
    ("ERR%", lambda row: (row.error_pct or 0.0, row.errors), True),
    ("FB%", lambda row: (row.fallback_pct or 0.0, row.calls), True),
    ("P50", lambda row: (row.p50_ms or 0.0,), True),
    ("P95", lambda row: (row.p95_ms or 0.0,), True),
    ("€TODAY", lambda row: (row.cost_today,), True),
)
"""Columns the table can be sorted by: title, key, and whether the greatest comes first."""


def sorted_rows(rows: Sequence[SlotRow], sort: int, *, turned: bool) -> list[SlotRow]:
    """The rows in the order of ``SORTS[sort]``; equal ones keep the order of layers."""
    _, by_layer, _ = SORTS[0]
    _, key, down = SORTS[sort]
    return sorted(sorted(rows, key=by_layer), key=key, reverse=down != turned)


def slot_as_line(row: SlotRow, snapshot: LiveSnapshot) -> CallLine:
    """A slot as if it were a call, so that the same filter works on the table."""
    slot = row.slot
    return CallLine(
        0,
        snapshot.taken_at,
        "",
        "",
        slot.layer,
        slot.role,
        slot.provider,
        slot.model_id,
        "ok",
        fallback=slot.role == "fallback",
    )


def filtered_rows(snapshot: LiveSnapshot, wanted: "CallFilter") -> list[SlotRow]:
    """The rows that the filter's words on slots let through."""
    return [row for row in snapshot.rows if wanted.matches(slot_as_line(row, snapshot))]


def filtered_breakers(
    breakers: Sequence[BreakerLine], snapshot: LiveSnapshot, wanted: "CallFilter | None"
) -> list[BreakerLine]:
    """The breakers whose provider and model the filter lets through."""
    if wanted is None:
        return list(breakers)
    lines = (
        CallLine(0, snapshot.taken_at, "", "", "", "", one.provider, one.model_id, "ok") for one in breakers
    )
    return [one for one, line in zip(breakers, lines, strict=True) if wanted.matches(line)]


def slot_filter(row: SlotRow, snapshot: LiveSnapshot) -> str:
    """The Calls filter that shows this slot's calls."""
    slot = row.slot
    return (
        f"layer:{slot.layer} role:{slot.role} provider:{slot.provider} model:{slot.model_id} "
        f"since:{snapshot.window.value}"
    )


ALERT_COLUMNS: Final[tuple[Column[Alert], ...]] = (Column("", 70, lambda _: Span(""), flex=1),)


def alert_line(alert: Alert, width: int) -> Line:
    """An alert in one line: sign, what, detail; the next action at the right gives way first."""
    sign, tone = _SEVERITY[alert.severity]
    title = (Span(f" {sign} ", tone), Span(one_line(alert.title, 200), tone))
    hint = alert.action or (f"$ {alert.cli}" if alert.cli else "")
    room = max(width // 4, width - width_of(title) - 3)
    right = (
        (Span("  "), Span(fit((Span(one_line(hint, 60)),), room)[0].text, Tone.KEY), Span(" "))
        if hint
        else ()
    )
    detail = f" · {one_line(alert.detail, 160)}" if alert.detail else ""
    return (*pad((*title, Span(detail, Tone.DIM)), width - width_of(right)), *right)


_MARKS_SHORT: Final = {"streamed": "≈", "background": "◔"}
"""How a streamed and a background call are marked beside their outcome; the badges say it in words."""


def _outcome(line: CallLine) -> Span:
    sign, tone = OUTCOME_SIGNS.get(line.outcome, ("?", Tone.UNKNOWN))
    word = line.outcome if line.outcome == "ok" or not line.reason else one_line(line.reason, 30)
    if line.pending:
        word = "pending"
    marks = f" {_MARKS_SHORT[mark]}" if (mark := _mark(line)) else ""
    return Span(f"{sign} {word}{marks}", tone)


def _mark(line: CallLine) -> str:
    return "background" if line.background else "streamed" if line.streamed else ""


def call_badges(line: CallLine) -> list[str]:
    """What is out of the ordinary about a call, in words."""
    return [
        *(["fallback"] if line.fallback else []),
        *(["degraded"] if line.degraded else []),
        *(["repair"] if line.repair else []),
        *(["background"] if line.background else []),
        *(["streamed"] if line.streamed else []),
    ]


def _badges(line: CallLine) -> Span:
    badges = call_badges(line)
    hop = (
        [f"hop {line.hop}"] if line.hop > 1 and not (line.fallback or line.repair or line.background) else []
    )
    return Span(
        " ".join([*badges, *hop]),
        Tone.WARN if line.fallback or line.degraded or line.repair or hop else Tone.DIM,
    )


CALL_COLUMNS: Final[tuple[Column[CallLine], ...]] = (
    Column("TIME", 8, lambda line: Span(f"{line.ts:%H:%M:%S}", Tone.DIM)),
    Column("LAYER", 5, lambda line: Span(one_line(line.layer, 5), layer_tone(line.layer))),
    Column("ROLE", 8, lambda line: Span(one_line(line.role, 8), Tone.DIM)),
    Column("PROVIDER", 8, lambda line: Span(one_line(line.provider, 20)), least=100),
    Column("MODEL", 14, lambda line: Span(one_line(line.model_id, 60), Tone.STRONG), flex=2),
    Column("OUTCOME", 13, _outcome, flex=1),
    Column("LATENCY", 7, lambda line: Span(fig.latency(line.latency_ms)), right=True),
    Column(
        "TOKENS",
        6,
        lambda line: Span(fig.count(line.tokens_in + line.tokens_out) if line.outcome == "ok" else fig.NONE),
        right=True,
    ),
    Column(
        "€", 7, lambda line: Span(fig.euros(line.cost) if line.cost is not None else fig.NONE), right=True
    ),
    Column("", 8, _badges, least=92, flex=1),
    Column("RUN", 6, lambda line: Span(one_line(line.run_id, 40)[-6:], Tone.FAINT), least=112),
)
"""A call in a list: the tail of Live, and the Calls screen."""
