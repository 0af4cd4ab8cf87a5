"""How versions of a config are listed and named, and a version's text with its line numbers."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.moments import moment_of
from peak_console.operations.workbench.shapes import Version
from peak_console.tui.ink import EMPTY, Line, Span, Tone, apart, fit
from peak_console.tui.screens.diff_drawing import counted
from peak_console.tui.widgets.canvas import clean
from peak_console.tui.widgets.table import Column

HOW: Final = {
    "saved": "saved",
    "rolled_back": "rolled back",
    "outside": "outside",
    "first": "first seen",
    "never_in_force": "never put",
}
_BACK: Final = re.compile(r"-(\d+)([smhd])")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?Z?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def stamp(at: datetime) -> str:
    """A moment, UTC, to the second: ``11-22 13:58:44Z``."""
    return f"{at:%m-%d %H:%M:%SZ}"


def version_columns(is_marked: Callable[[Version], bool]) -> Sequence[Column[Version]]:
    """The list's columns, with the mark of what is compared with."""
    return (
        Column(" ", 1, lambda one: Span("◆" if is_marked(one) else "", Tone.ACCENT)),
        Column("VERSION", 8, lambda one: Span(one.digest[:8], Tone.STRONG)),
        Column("SINCE", 15, _since, most=111),
        Column("SINCE", 20, _since_in_full, least=112),
        Column("UNTIL", 20, _until, least=112),
        Column("STATE", 10, _state),
        Column("WHO", 8, lambda one: Span(one_line(one.actor, 40) or "-", Tone.TEXT), most=111),
        Column("WHO", 12, lambda one: Span(one_line(one.actor, 40) or "-", Tone.TEXT), least=112),
        Column("HOW", 12, _how),
        Column("WHY", 8, _why, flex=1),
    )


def _since(one: Version) -> Span:
    return Span(f"≤ {one.since:%m-%d %H:%MZ}" if one.before else stamp(one.since))


def _since_in_full(one: Version) -> Span:
    if one.before:
        return Span(f"before {one.since:%m-%d %H:%MZ}")
    return Span(f"{one.since:%Y-%m-%d %H:%M:%SZ}")


def _until(one: Version) -> Span:
    if one.until is None:
        return Span("in force", Tone.OK)
    return Span(f"{one.until:%Y-%m-%d %H:%M:%SZ}", Tone.DIM)


def _how(one: Version) -> Span:
    tone = Tone.WARN if one.how in {"outside", "never_in_force"} else Tone.DIM
    return Span(HOW.get(one.how, one_line(one.how, 20)), tone)


def _why(one: Version) -> Span:
    if one.reason:
        return Span(one_line(one.reason, 300))
    if one.before:
        return Span("stood before then; nobody saw since when", Tone.DIM)
    told = {"outside": "changed outside of the workbench", "first": "stood when the node first looked"}
    return Span(told.get(one.how, "no reason is on record"), Tone.DIM)


def troubles(one: Version) -> str:
    """What befell while a version was in force: ``▲ 2 incidents or stops``."""
    many = "s" if one.incidents != 1 else ""
    return f"▲ {one.incidents:,} incident{many} or stop{many}"


def _state(one: Version) -> Span:
    """The gravest, then the best: incidents, in force, known good, no text."""
    words = []
    if one.until is None and one.how != "never_in_force":
        words.append("▸ now")
    if one.incidents:
        return Span(" ".join([*words, f"▲ {one.incidents}"]), Tone.WARN)
    if one.known_good:
        return Span(" ".join([*words, "✓" if words else "✓ good"]), Tone.OK)
    if not one.kept:
        return Span(" ".join([*words, "no text"]), Tone.UNKNOWN)
    return Span(" ".join(words), Tone.ACCENT)


def no_versions(name: str, problem: str) -> list[Line]:
    """Why there is nothing to list."""
    if problem:
        return [(Span("✗ ", Tone.BAD), Span(problem))]
    return [
        (Span(f"no version of {name} is on record yet", Tone.DIM),),
        (Span("a node notes each config when it starts (peak node start), and each change after", Tone.DIM),),
    ]


def compared_line(left: str, right: str, diff: str | None, width: int) -> Line:
    """The head of the difference: what became what, and how much."""
    words: list[Span] = [
        Span("─ ", Tone.STROKE),
        Span(left, Tone.ACCENT),
        Span(" → ", Tone.FAINT),
        Span(right, Tone.STRONG),
        Span("  "),
    ]
    if diff:
        came, went = counted(diff)
        words += [Span(f"+{came}", Tone.OK), Span(f" -{went}", Tone.BAD), Span(" lines  ", Tone.DIM)]
    keys = (Span(" d", Tone.KEY), Span(" other side", Tone.DIM), Span(" ─", Tone.STROKE))
    return apart(words, keys, width)


def text_lines(text: str, width: int) -> list[Line]:
    """A text with its line numbers; comments and tables stand apart."""
    rows = text.split("\n")
    if rows and not rows[-1]:
        rows.pop()
    digits = len(str(len(rows)))
    found: list[Line] = []
    for number, row in enumerate(rows, 1):
        bare = row.lstrip()
        tone = Tone.FAINT if bare.startswith("#") else Tone.STRONG if bare.startswith("[") else Tone.TEXT
        place = Span(f" {number:>{digits}}  ", Tone.FAINT)
        found.append(fit((place, Span(clean(row.expandtabs(4)), tone)), width))
    return found or [EMPTY, (Span("   the file is empty", Tone.DIM),)]


def moment_in(text: str, now: datetime) -> datetime:
    """The moment that a person names: ``-90m``, ``03:12`` of today, a day, or a time. UTC.

    Raises ``UsageWrong`` (``time_malformed``).
    """
    text = text.strip()
    if back := _BACK.fullmatch(text):
        return now - timedelta(**{_UNITS[back[2]]: min(int(back[1]), 100_000)})
    if (clock := _CLOCK.fullmatch(text)) and int(clock[1]) < 24 and int(clock[2]) < 60:  # noqa: PLR2004 - a clock's
        second = min(int(clock[3] or 0), 59)
        return now.replace(hour=int(clock[1]), minute=int(clock[2]), second=second, microsecond=0)
    return moment_of(text)
