"""What the save dialogue tells: what stands against a change, what it does in figures, its keys and diff."""

from collections.abc import Iterator, Sequence
from typing import Final

from peak_console.config.lint.finding import LintFinding, Severity
from peak_console.domain.text import one_line
from peak_console.operations.workbench.projecting import label_of
from peak_console.operations.workbench.shapes import Concern, KeyChange, Preview
from peak_console.tui.ink import EMPTY, Line, Span, Tone, apart, cell, fit, rule
from peak_console.tui.screens.diff_drawing import counted, diff_lines
from peak_console.tui.widgets.document import wrapped

_KEYS: Final = 40
_NAME: Final = 34
_PLURALS: Final = {"key": "keys", "error": "errors", "warning": "warnings", "line": "lines"}


def number(count: int, word: str) -> str:
    """``1 key``, ``2 keys``."""
    return f"{count:,} {word if count == 1 else _PLURALS.get(word, word + 's')}"


def summary(seen: Preview, width: int) -> Line:
    """One line: how much changes, and what stands against it."""
    came, went = counted(seen.diff)
    warnings = sum(one.severity is Severity.WARNING for one in seen.checked.findings)
    errors = seen.checked.errors
    keys = number(len(seen.keys), "key") if seen.keys else "no key" if seen.target.is_toml else "text"
    left: list[Span] = [Span(keys, Tone.STRONG)]
    left += [Span(f"  +{came}", Tone.OK), Span(f" -{went}", Tone.BAD), Span(" lines", Tone.DIM)]
    lint = (
        Span(f"✗ {number(errors, 'error')}", Tone.BAD)
        if errors
        else Span(f"▲ {number(warnings, 'warning')}", Tone.WARN)
        if warnings
        else Span("✓ lint clean", Tone.OK)
    )
    left += [Span("   "), lint]
    if seen.concerns:
        left += [Span("   "), Span(f"▲ {number(len(seen.concerns), 'concern')}", Tone.WARN)]
    old = seen.base[:8] if seen.base else "no file"
    return apart(left, (Span(f"{old} → {seen.new[:8]}", Tone.FAINT),), width)


def preview_lines(seen: Preview, width: int, sides: str = "disk to draft") -> list[Line]:
    """Everything about the change, gravest first; ``sides`` is what the difference leads from and to."""
    lines: list[Line] = []
    sections = (_errors, _concerns, _approval, _keys, _warnings)
    for section in sections:
        found = list(section(seen, width))
        if found:
            lines += [*found, EMPTY]
    lines.append(rule([Span(f"difference, {sides}", Tone.DIM)], width))
    return [*lines, *diff_lines(seen.diff, width)]


def _errors(seen: Preview, width: int) -> Iterator[Line]:
    errors = [one for one in seen.checked.findings if one.severity is Severity.ERROR]
    if errors or seen.checked.elsewhere:
        yield rule([Span("lint refuses it", Tone.BAD)], width)
    for one in errors:
        yield from finding_lines(one, width)
    for one in seen.checked.elsewhere:
        yield from finding_lines(one, width, elsewhere=True)


def _warnings(seen: Preview, width: int) -> Iterator[Line]:
    warnings = [one for one in seen.checked.findings if one.severity is not Severity.ERROR]
    if warnings:
        yield rule([Span("lint warns", Tone.WARN)], width)
    for one in warnings:
        yield from finding_lines(one, width)


def finding_lines(one: LintFinding, width: int, *, elsewhere: bool = False) -> Iterator[Line]:
    """A finding: its place and rule, what it is, what to do."""
    grave = one.severity is Severity.ERROR
    sign, tone = ("✗", Tone.BAD) if grave else ("▲", Tone.WARN)
    place = f"{one.file}:{one.line}" if elsewhere else f"line {one.line}"
    yield fit((Span(f" {sign} ", tone), Span(place, Tone.STRONG), Span(f"  {one.rule}", Tone.DIM)), width)
    yield from wrapped(one_line(one.message, 400), width, indent="   ")
    if one.remedy:
        yield from wrapped(one_line(one.remedy, 400), width, indent="   → ", tone=Tone.DIM)[:3]


def _concerns(seen: Preview, width: int) -> Iterator[Line]:
    if not seen.concerns:
        return
    yield rule([Span("figures to confirm", Tone.WARN)], width)
    told: dict[str, str] = {}
    for concern in seen.concerns:
        first, *more = wrapped(one_line(concern.message, 600), width, indent="   ")
        yield (Span(" ▲ ", Tone.WARN), *first[1:])
        yield from more
        told |= concern.figures
    yield EMPTY
    yield from _figures(told, width)


def _figures(told: dict[str, str], width: int) -> Iterator[Line]:
    """Before and after, each figure once; what they rest on comes last."""
    basis = told.pop("basis", "")
    longest = min(_NAME, max((len(_named(name)) for name in told), default=0)) + 1
    for name, value in told.items():
        said = one_line(value, 120)
        before, arrow, after = said.partition(" → ")
        shown = (Span(before, Tone.DIM), Span(" → ", Tone.FAINT), Span(after, Tone.STRONG)) if arrow else None
        yield fit((Span("   "), cell(_named(name), longest, Tone.DIM), *(shown or (Span(said),))), width)
    if basis:
        yield from wrapped(f"basis: {one_line(basis, 200)}", width, indent="   ", tone=Tone.FAINT)


def _named(name: str) -> str:
    return one_line(label_of(name), 60).replace(", EUR", ", €")


def _approval(seen: Preview, width: int) -> Iterator[Line]:
    if not seen.needs_approval:
        return
    if seen.approved_by is not None:
        yield fit(
            (
                Span(" ✓ ", Tone.OK),
                Span(f"approved by {one_line(seen.approved_by, 40)}"),
            ),
            width,
        )
        return
    yield rule([Span("in live another operator approves it first", Tone.WARN)], width)
    yield from wrapped(
        "^y keeps this text for them; nothing changes on disk. They look at it, and type:",
        width,
        indent="   ",
    )
    yield (Span("   $ ", Tone.FAINT), Span(approve_command(seen), Tone.ACCENT))


def approve_command(seen: Preview) -> str:
    """What another operator types."""
    return f'peak matrix approve {seen.new[:12]} --reason "…"'


def _keys(seen: Preview, width: int) -> Iterator[Line]:
    if seen.keys:
        yield rule([Span("keys that change", Tone.DIM)], width)
        yield from key_lines(seen.keys, width)


def key_lines(keys: Sequence[KeyChange], width: int) -> Iterator[Line]:
    """Each key with what it was and is."""
    longest = min(_NAME, max(len(one.key) for one in keys))
    for one in keys[:_KEYS]:
        old = Span("absent", Tone.FAINT) if one.old is None else Span(one_line(one.old, 80), Tone.BAD)
        new = Span("gone", Tone.FAINT) if one.new is None else Span(one_line(one.new, 80), Tone.OK)
        sign = "+" if one.old is None else "-" if one.new is None else "~"
        name = cell(one_line(one.key, 80), longest, Tone.STRONG)
        yield fit((Span(f" {sign} "), name, Span("  "), old, Span(" → ", Tone.FAINT), new), width)
    if len(keys) > _KEYS:
        yield (Span(f"   … and {len(keys) - _KEYS:,} more; the difference has them all", Tone.DIM),)


def copied(seen: Preview) -> str:
    """The change as text."""
    concerns = [f"{one.code}: {one.message}{_said(one)}" for one in seen.concerns]
    return "\n".join([f"{seen.target.path} {seen.base or 'absent'} -> {seen.new}", *concerns, seen.diff])


def _said(one: Concern) -> str:
    return "".join(f"\n    {name}: {value}" for name, value in one.figures.items())
