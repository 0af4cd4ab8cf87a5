"""How the Matrix screen looks: the grid's columns, a slot in full, findings, tabs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.config.verifying import Standing
from peak_console.domain.text import one_line
from peak_console.operations.views.matrix import GridRow, MatrixFacts, Place
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, width_of
from peak_console.tui.screens.live_drawing import layer_tone
from peak_console.tui.widgets.document import wrapped
from peak_console.tui.widgets.table import Column

VERIFIED_SIGNS: Final = {
    Standing.VERIFIED: ("✓", "verified", Tone.OK),
    Standing.ATTESTED: ("◐", "attested", Tone.WARN),
    Standing.UNVERIFIED: ("✗", "unverified", Tone.BAD),
    Standing.CHANGED: ("✗", "changed", Tone.BAD),
    Standing.EXPIRED: ("✗", "expired", Tone.BAD),
    Standing.UNSOUND: ("✗", "unsound", Tone.BAD),
    Standing.UNRECORDED: ("✗", "unrecorded", Tone.BAD),
    Standing.NO_LOCK: ("·", "no lock", Tone.UNKNOWN),
}
_NEAR_DAYS: Final = 60
_NAME: Final = 80
_LABEL: Final = 10
_BESIDE_MESSAGE: Final = 14
"""Cells that the list of findings takes for sign, place and rule's fix."""
_CENT: Final = Decimal("0.01")


def role_words(place: Place) -> str:
    """The role; of several fallbacks, which."""
    return f"{place.role} {place.position + 1}" if place.count > 1 else place.role


def model_span(row: GridRow) -> Span:
    """The model, or what stands in its place."""
    place = row.place
    if place.service:
        return Span(f"→ {one_line(place.service, 20)} serves", Tone.DIM)
    if not place.model_id:
        return Span("not set" if place.missing else "no model", Tone.FAINT)
    life = row.life
    ended = life is not None and life.days_left is not None and life.days_left <= 0
    tone = Tone.BAD if ended or (life is not None and not life.allowed) else Tone.TEXT
    return Span(one_line(place.model_id, _NAME) + (" ▿" if place.degraded else ""), tone)


def verified_span(row: GridRow, *, short: bool = False) -> Span:
    """What the lock says: a sign, and a word where there is room."""
    if row.verified is None:
        return Span(fig.NONE, Tone.FAINT)
    sign, word, tone = VERIFIED_SIGNS[row.verified]
    return Span(sign if short else f"{sign} {word}", tone)


def usd(value: Decimal | None) -> str:
    """USD for a million tokens, as few digits as it has: ``0.25``, ``14``."""
    if value is None:
        return fig.NONE
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if Decimal(text) == Decimal(text).to_integral() or value < _CENT else f"{value:.2f}"


def _price(row: GridRow) -> Span:
    if row.price is None:
        return Span(fig.NONE, Tone.FAINT)
    return Span(f"{usd(row.price.input_usd)}/{usd(row.price.output_usd)}", Tone.TEXT)


def _p(row: GridRow, *, tail: bool) -> Span:
    traffic = row.traffic
    value = None if traffic is None else traffic.p95_ms if tail else traffic.p50_ms
    return Span(fig.latency(value), Tone.FAINT if value is None else _figure_tone(row))


def _figure_tone(row: GridRow) -> Tone:
    return Tone.WARN if row.stale else Tone.TEXT


def _share(row: GridRow) -> Span:
    if row.share_pct is None:
        return Span(fig.NONE, Tone.FAINT)
    return Span(fig.percent(row.share_pct), _figure_tone(row) if row.share_pct else Tone.FAINT)


def _score(row: GridRow) -> Span:
    return Span(row.score or fig.NONE, Tone.TEXT if row.score else Tone.UNKNOWN)


def lifecycle_span(row: GridRow) -> Span:
    """A warning where the model's end is near or past; nothing where it is not."""
    life = row.life
    if row.place.model_id and life is None and row.verified is not None:
        return Span("? unknown", Tone.WARN)
    if life is None:
        return Span("")
    if not life.allowed:
        return Span("✗ not allowed", Tone.BAD)
    if life.days_left is None or life.days_left > _NEAR_DAYS:
        return Span("")
    if life.days_left <= 0:
        return Span(f"✗ ended {life.shutdown[5:]}", Tone.BAD)
    return Span(f"▲ ends in {life.days_left} d", Tone.WARN)


def counts_span(errors: int, warnings: int) -> Span:
    """Findings: errors, else warnings."""
    if errors:
        return Span(f"✗{errors}", Tone.BAD)
    return Span(f"▲{warnings}" if warnings else "", Tone.WARN)


def _served(row: GridRow) -> Span:
    if row.served is None:
        return Span(fig.NONE, Tone.FAINT)
    return Span(one_line(row.served.model, _NAME), Tone.DIM)


GRID_COLUMNS: Final[Sequence[Column[GridRow]]] = (
    Column("L", 2, lambda row: Span(row.place.layer, layer_tone(row.place.layer))),
    Column("ROLE", 10, lambda row: Span(role_words(row.place), Tone.DIM)),
    Column("PROVIDER", 8, lambda row: Span(one_line(row.place.provider, 40), Tone.DIM), least=76),
    Column("MODEL", 12, model_span, flex=3),
    Column("✓", 1, lambda row: verified_span(row, short=True), most=89),
    Column("VERIFIED", 12, verified_span, least=90),
    Column("$ IN/OUT", 10, _price, right=True),
    Column("P50", 5, lambda row: _p(row, tail=False), right=True, least=72),
    Column("P95", 5, lambda row: _p(row, tail=True), right=True),
    Column("%", 4, _share, right=True, most=89),
    Column("CALLS %", 7, _share, right=True, least=90),
    Column("EVAL", 4, _score, right=True),
    Column("SERVED", 14, _served, flex=2, least=106),
    Column("LIFE", 13, lifecycle_span, least=94),
    Column("!", 3, lambda row: counts_span(row.errors, row.warnings)),
)
"""A slot in the grid."""


@dataclass(frozen=True, slots=True)
class DetailFrame:
    """What a slot is drawn with."""

    now: datetime
    width: int
    replay: bool = False


def detail_lines(row: GridRow | None, facts: MatrixFacts | None, frame: DetailFrame) -> list[Line]:
    """A slot in full, with where each figure comes from and how old it is."""
    if row is None:
        return []
    place = row.place
    title = (
        Span(f"{place.layer} ", layer_tone(place.layer)),
        Span(f"{role_words(place)}  ", Tone.STRONG),
        Span(f"{one_line(place.provider, 40)} " if place.provider else "", Tone.DIM),
        model_span(row),
    )
    if place.missing or not place.model_id:
        why = "that layer's primary and its fallbacks judge" if place.service else "m puts a model here"
        return [fit(title, frame.width), (Span(f"  {why}", Tone.DIM),)]
    lines = [title, _lock_line(row, facts), _price_line(row, facts), _traffic_line(row, facts, frame)]
    lines += [_served_line(row, frame), _life_line(row), _eval_line(row)]
    if place.degraded:
        lines.append((_label("degraded"), Span("▿ its verdicts are capped at REVIEW", Tone.WARN)))
    return [fit(one, frame.width) for one in lines]


def _label(text: str) -> Span:
    return Span(f"  {text:<{_LABEL}}", Tone.FAINT)


def _lock_line(row: GridRow, facts: MatrixFacts | None) -> Line:
    words = one_line(facts.lock_words, 120) if facts is not None else ""
    return (_label("verified"), verified_span(row), Span(f"  {words}", Tone.DIM))


def _price_line(row: GridRow, facts: MatrixFacts | None) -> Line:
    price = row.price
    if price is None:
        why = facts.files_problem if facts is not None and facts.files_problem else "no price holds today"
        return (_label("price"), Span(f"— {one_line(why, 120)}", Tone.WARN if facts else Tone.UNKNOWN))
    return (
        _label("price"),
        Span(f"$ {usd(price.input_usd)} in, {usd(price.output_usd)} out per Mtok"),
        Span(f"  read {price.as_of}, {one_line(price.source, 80)}", Tone.DIM),
    )


def _traffic_line(row: GridRow, facts: MatrixFacts | None, frame: DetailFrame) -> Line:
    traffic = row.traffic
    if traffic is None or facts is None:
        return (_label("24 h"), Span("— not known", Tone.UNKNOWN))
    if not traffic.calls:
        return (_label("24 h"), Span("no call", Tone.DIM))
    age = fig.age(facts.freshness.age_s(frame.now))
    return (
        _label("24 h"),
        Span(f"{fig.count(traffic.calls)} calls", _figure_tone(row)),
        Span(f", {fig.percent(row.share_pct)} %", Tone.DIM),
        Span(f"  p50 {fig.latency(traffic.p50_ms)}  p95 {fig.latency(traffic.p95_ms)}", _figure_tone(row)),
        Span(f"  {'▲ ' if row.stale else ''}{age} ago", Tone.WARN if row.stale else Tone.FAINT),
    )


def _served_line(row: GridRow, frame: DetailFrame) -> Line:
    if row.served is None:
        return (_label("served"), Span("— no answer seen", Tone.UNKNOWN))
    age = fig.age(max(0.0, (frame.now - row.served.at).total_seconds()))
    other = row.served.model != row.place.model_id
    return (
        _label("served"),
        Span(one_line(row.served.model, _NAME), Tone.ACCENT if other else Tone.TEXT),
        Span(f"  {age} ago", Tone.DIM),
    )


def _life_line(row: GridRow) -> Line:
    life = row.life
    if life is None:
        return (_label("lifecycle"), Span("▲ not in models.toml", Tone.WARN))
    if not life.allowed:
        return (_label("lifecycle"), Span("✗ models.toml does not allow it", Tone.BAD))
    if not life.shutdown:
        return (_label("lifecycle"), Span("no end announced", Tone.DIM))
    near = life.days_left is not None and life.days_left <= _NEAR_DAYS
    ended = life.days_left is not None and life.days_left <= 0
    words = f"{'✗ shut down' if ended else '▲ shuts down' if near else 'shuts down'} {life.shutdown}"
    after = f"  successor {one_line(life.successor, 80)}" if life.successor else ""
    return (
        _label("lifecycle"),
        Span(words, Tone.BAD if ended else Tone.WARN if near else Tone.DIM),
        Span(after, Tone.DIM),
    )


def _eval_line(row: GridRow) -> Line:
    return (
        _label("eval"),
        Span(row.score, Tone.TEXT) if row.score else Span("— no evidence", Tone.UNKNOWN),
    )


# -- findings


def finding_sign(finding: LintFinding) -> Span:
    """How grave it is."""
    return Span("✗", Tone.BAD) if finding.severity is Severity.ERROR else Span("▲", Tone.WARN)


def finding_columns(path: str) -> Sequence[Column[LintFinding]]:
    """The columns of the findings on the config at ``path``; those elsewhere name their file."""

    def where(one: LintFinding) -> Span:
        if one.file == path:
            return Span(f"{one.line}:{one.column}", Tone.DIM)
        return Span(one_line(one.file.rpartition("/")[2], 40), Tone.ACCENT)

    return (
        Column("", 1, finding_sign),
        Column("", 6, where, right=True),
        Column("", 1, lambda one: Span("f" if one.fix else " ", Tone.KEY)),
        Column("", 20, lambda one: Span(one_line(one.message, 300)), flex=1),
        Column("", 24, lambda one: Span(one.rule, Tone.FAINT), least=90),
    )


def finding_lines(finding: LintFinding | None, width: int, height: int) -> list[Line]:
    """The finding under the cursor in full, and what to do about it."""
    if finding is None:
        return []
    if finding.fix is not None:
        does: Line = (Span(" f ", Tone.KEY), Span(finding.fix.title, Tone.TEXT))
    else:
        does = (Span(" → ", Tone.FAINT), Span(finding.remedy, Tone.DIM))
    cut = len(finding.message) > width - _BESIDE_MESSAGE
    said = wrapped(finding.message, width, indent=" ", tone=Tone.DIM)[: max(0, height - 1)] if cut else []
    return [*said, fit(does, width)][:height]


def slot_findings(findings: Sequence[LintFinding], place: Place, width: int) -> list[Line]:
    """What lint says of one slot, in full."""
    lines: list[Line] = []
    for one in findings:
        if place.line <= one.line <= place.end and not place.missing:
            lines.append(EMPTY)
            first, *rest = wrapped(one.message, width, indent="    ")
            lines += [(Span("  "), finding_sign(one), Span(" "), *first[1:]), *rest]
            lines += wrapped(one.remedy, width, indent="    ", tone=Tone.DIM)
    return lines


# -- tabs


@dataclass(frozen=True, slots=True)
class Tab:
    """One config in the line of tabs."""

    name: str
    draft: bool = False
    errors: int = 0
    warnings: int = 0
    absent: bool = False


def tab_spans(tab: Tab, *, here: bool) -> Line:
    """A tab: its name, a dot where a draft is unsaved, what lint counts."""
    tone = Tone.CHIP_INFO if here else Tone.FAINT if tab.absent else Tone.DIM
    spans = [Span(f" {one_line(tab.name, 40)} ", tone)]
    if tab.draft:
        spans.append(Span("●", Tone.ACCENT))
    if tab.errors or tab.warnings:
        spans.append(counts_span(tab.errors, tab.warnings))
    return tuple(spans)


def tabs_line(tabs: Sequence[Tab], here: str, width: int) -> tuple[Line, list[tuple[int, int, str]]]:
    """As many tabs as fit around the one that is open, and the cells of each."""
    drawn = [(one.name, tab_spans(one, here=one.name == here)) for one in tabs]
    if not drawn:
        return EMPTY, []
    at = next((place for place, one in enumerate(tabs) if one.name == here), 0)
    first = last = at
    room = width - 4 - width_of(drawn[at][1])
    while True:
        grown = False
        if last + 1 < len(drawn) and width_of(drawn[last + 1][1]) + 1 <= room:
            last += 1
            room -= width_of(drawn[last][1]) + 1
            grown = True
        if first and width_of(drawn[first - 1][1]) + 1 <= room:
            first -= 1
            room -= width_of(drawn[first][1]) + 1
            grown = True
        if not grown:
            break
    spans: list[Span] = [Span("\u2039 " if first else "  ", Tone.KEY)]
    places: list[tuple[int, int, str]] = []
    for name, parts in drawn[first : last + 1]:
        begin = width_of(spans)
        spans.extend(parts)
        places.append((begin, width_of(spans), name))
        spans.append(Span(" "))
    if last + 1 < len(drawn):
        spans.append(Span("\u203a", Tone.KEY))
    return tuple(spans), places
