"""What the Matrix screen says of a draft: since when it stands, or why there can be none. Pure."""

from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.workbench.draft_words import said_of
from peak_console.tui import figures as fig
from peak_console.tui.editing import EditorState
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, rule

_ROOM: Final = 20


def note_of(state: EditorState | None, now: datetime, problem: str, width: int) -> Line:
    """One line on the draft of the open config; empty where there is nothing to say."""
    if state is None:
        return EMPTY
    if problem:
        return fit((Span("✗ the draft is not kept: ", Tone.BAD), Span(one_line(problem, 200))), width)
    if state.locked:
        words = one_line(state.locked, 200) + "".join(f"; {one}" for one in _exists(state))
        return fit((Span("▪ read-only: ", Tone.WARN), Span(words, Tone.DIM)), width)
    if state.disk != state.base and state.dirty:
        keys = (Span("   o", Tone.KEY), Span(" compares the three", Tone.DIM))
        if state.disk_by:
            said = (Span("▲ ", Tone.WARN), Span(f"{state.disk_by} under this draft, which is kept"))
            return fit((*said, *keys), width)
        words = "the file changed outside since this draft began; the draft is kept"
        return fit((Span(" ▲ CHANGED OUTSIDE ", Tone.CHIP_WARN), Span(f" {words}"), *keys), width)
    others = _others_words(state)
    if not state.dirty:
        return fit((Span("▪ ", Tone.WARN), *others), width) if others else EMPTY
    after: Line = (Span("   D discards", Tone.FAINT), *([Span("   ▪ ", Tone.WARN)] if others else []))
    return fit((Span("● ", Tone.ACCENT), *_draft_words(state, now), *after, *others), width)


def _exists(state: EditorState) -> list[str]:
    """That drafts exist which are not shown: whose the newest is, and since when."""
    newest = max((one.draft for one in state.others), key=lambda one: one.at, default=None)
    if newest is None:
        return []
    whose = one_line(newest.operator, 40) or "this login"
    more = f", and {len(state.others) - 1} more" if len(state.others) > 1 else ""
    return [f"an unsaved draft of {whose} exists since {newest.at:%m-%d %H:%M}Z{more}"]


def _others_words(state: EditorState) -> Line:
    """The first of the drafts that are not shown, how many more, and the key that shows them."""
    if not state.others:
        return EMPTY
    first, more = state.others[0], len(state.others) - 1
    words = f"another draft, {said_of(first.draft, living=first.living)}"
    tail = f", and {more} more" if more else ""
    return (Span("d", Tone.KEY), Span(" ", Tone.DIM), Span(one_line(words, 160) + tail, Tone.DIM))


def _draft_words(state: EditorState, now: datetime) -> Line:
    draft = state.draft
    if draft is None:
        return (Span("unsaved draft", Tone.TEXT), Span(", kept as you type", Tone.DIM))
    age = fig.age(max(0.0, (now - draft.at).total_seconds()))
    by = f" by {one_line(draft.operator, 40)}" if draft.operator else ""
    origin = f", from {one_line(draft.origin, 60)}" if state.origin else ""
    return (
        Span("unsaved draft", Tone.TEXT),
        Span(f" restored: {draft.at:%m-%d %H:%M}Z, {age} ago{by}{origin}", Tone.DIM),
    )


def findings_head(state: EditorState | None, width: int) -> Line:
    """The rule above the findings, with their number."""
    if state is None or state.checked is None:
        nothing = state is not None and state.locked and state.base is None
        return rule((Span("nothing to check" if nothing else "lint …", Tone.UNKNOWN),), width)
    errors, warnings = state.errors, state.warnings
    if not errors and not warnings:
        words: Line = (Span("✓ lint clean", Tone.OK),)
    else:
        parts = [
            *([Span(f"✗ {errors} error{'s' * (errors != 1)}", Tone.BAD)] if errors else []),
            *([Span("  ")] if errors and warnings else []),
            *([Span(f"▲ {warnings} warning{'s' * (warnings != 1)}", Tone.WARN)] if warnings else []),
        ]
        words = tuple(parts)
    phase = (Span(f"rules of {state.checked.phase.value}", Tone.FAINT),) if width > _ROOM * 2 else EMPTY
    return rule(words if state.current else (*words, Span(" …", Tone.UNKNOWN)), width, phase)
