"""A matrix's text beside the lock, as lines: each slot, what was verified for it, and what is another."""

from typing import Final

from peak_console.config.verifying import Standing
from peak_console.domain.text import one_line
from peak_console.operations.views.lock_against import LockAgainst, SlotAgainst
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell
from peak_console.tui.widgets.document import wrapped

_SLOT, _STANDING, _LEAST = 14, 12, 20
_SIGNS: Final = {
    Standing.VERIFIED: ("✓", Tone.OK),
    Standing.ATTESTED: ("✓", Tone.TEXT),
    Standing.CHANGED: ("▲", Tone.WARN),
    Standing.EXPIRED: ("▲", Tone.WARN),
}


def lock_lines(found: LockAgainst, width: int, *, side: str = "THE TEXT HAS") -> list[Line]:
    """The slots that disagree first, then the others, then what of the lock is not used. Pure."""
    lines: list[Line] = [_head(found)]
    if found.remedy:
        lines += wrapped(found.remedy, width, indent="   → ", tone=Tone.DIM)
    if found.broken:
        lines += wrapped(
            f"not TOML, read as far as it goes: {found.broken}", width, indent=" ", tone=Tone.BAD
        )
    room = max(_LEAST, (width - _SLOT - _STANDING - 5) // 2)
    titles = (
        cell("SLOT", _SLOT, Tone.DIM),
        cell(side, room, Tone.DIM),
        cell("THE LOCK HAS", room, Tone.DIM),
    )
    lines += [EMPTY, (Span(" "), *_spaced(titles), Span("STANDING", Tone.DIM))]
    differing = found.differing
    for one in (*differing, *(one for one in found.slots if one not in differing)):
        lines += _slot_lines(one, room, width)
    if not found.slots:
        lines.append((Span(" the text names no model", Tone.DIM),))
    if found.unused:
        lines += [EMPTY, (Span(" in the lock, and not used there by the text", Tone.DIM),)]
        lines += [(Span(f"   {one_line(one, 120)}", Tone.DIM),) for one in found.unused]
    return lines


def _head(found: LockAgainst) -> Line:
    count = len(found.differing)
    refused = sum(not one.enough for one in found.slots)
    said = Span(f" ▲ {count} of {len(found.slots)} slots are not as the lock has them", Tone.WARN)
    agree = Span(f" ✓ all {len(found.slots)} slots are as the lock has them", Tone.OK)
    more = f"; {refused} may not work in {found.phase.value}" if refused else ""
    return (
        said if count else agree,
        Span(more, Tone.BAD),
        Span(f"   {one_line(found.words, 200)}", Tone.DIM),
    )


def _slot_lines(one: SlotAgainst, room: int, width: int) -> list[Line]:
    sign, tone = _SIGNS.get(one.standing, ("✗", Tone.BAD))
    same = one.model in one.locked
    locked = "the same" if same else ", ".join(one.locked) or "nothing"
    cells = (
        cell(one.slot, _SLOT, Tone.STRONG),
        cell(one_line(one.model, 120), room, Tone.TEXT),
        cell(one_line(locked, 200), room, Tone.DIM if same else Tone.WARN),
    )
    word = one.standing.value.replace("_", " ")
    head: Line = (Span(" "), *_spaced(cells), Span(f"{sign} {word}", tone))
    more = [
        line
        for change in one.changes
        for line in wrapped(one_line(change, 300), width, indent=" " * (_SLOT + 2), tone=Tone.WARN)
    ]
    return [head, *more]


def _spaced(cells: tuple[Span, ...]) -> Line:
    return tuple(part for one in cells for part in (one, Span(" ")))
