"""Edits of a matrix's text by slot, as the grid makes them: comments and order of all else stay. Pure."""

import re
from typing import Final

from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.domain.errors import UsageWrong
from peak_console.operations.views.matrix import Place

_HEADER: Final = re.compile(r"^[ \t]*\[")
_IDLE: Final = re.compile(r"^[ \t]*(#.*)?\r?$")
FALLBACK: Final = "fallback"


def model_named(words: str) -> tuple[str, str]:
    """Provider and model of ``provider:model``; raises ``UsageWrong`` (``model_unreadable``)."""
    provider, colon, model = words.strip().partition(":")
    if not (provider and colon and model):
        raise UsageWrong(
            f"'{words[:60]}' names no model",
            code="model_unreadable",
            remedy="write it as provider:model, for example openai:gpt-5-mini",
        )
    return provider, model


def with_model(text: str, place: Place, provider: str, model_id: str) -> str:
    """The text with that model in the slot. A critic that was a service becomes a slot of its own."""
    path = place.path
    changes = [Change((*path, "provider"), provider), Change((*path, "model_id"), model_id)]
    if place.service:
        changes.insert(0, Change((*path, "service"), ABSENT))
    return apply_changes(text, changes)


def without_slot(text: str, place: Place) -> str:
    """The text without the slot; raises ``UsageWrong`` where it has none."""
    if place.missing:
        raise UsageWrong(f"{place.layer} has no {place.role}", code="slot_absent", remedy="set one with m")
    return apply_changes(text, [Change(place.path, ABSENT)])


def with_fallback(text: str, layer: str, fallbacks: tuple[Place, ...], provider: str, model_id: str) -> str:
    """The text with one more fallback at the end of the layer's chain."""
    slot = {"provider": provider, "model_id": model_id}
    if not fallbacks or isinstance(fallbacks[-1].path[-1], int):
        return apply_changes(text, [Change((layer, FALLBACK, len(fallbacks)), slot)])
    return apply_changes(_as_list(text, fallbacks[0]), [Change((layer, FALLBACK, 1), slot)])


def _as_list(text: str, place: Place) -> str:
    """``[L0.fallback]`` written as ``[[L0.fallback]]``: decision 3 lets both stand for a list of one."""
    lines = text.split("\n")
    head = lines[place.line - 1]
    if not _HEADER.match(head):
        raise UsageWrong(
            f"{place.layer}.fallback is not a table of its own",
            code="edit_impossible",
            remedy="write it as [[" + place.layer + ".fallback]] in the text",
        )
    lines[place.line - 1] = re.sub(r"^([ \t]*)\[([^\]]*)\]", r"\1[[\2]]", head, count=1)
    return "\n".join(lines)


def moved(text: str, fallbacks: tuple[Place, ...], position: int, by: int) -> str:
    """The text with a fallback and its neighbour in each other's place, each with its own comments.

    Raises ``UsageWrong`` where there is no neighbour on that side.
    """
    other = position + by
    if not (0 <= position < len(fallbacks) and 0 <= other < len(fallbacks)):
        raise UsageWrong(
            "there is no place further on in this chain", code="chain_end", remedy="it already stands there"
        )
    lines = text.split("\n")
    first, second = sorted((fallbacks[position].line, fallbacks[other].line))
    (one, one_end), (two, two_end) = _block(lines, first), _block(lines, second)
    swapped = [
        *lines[:one],
        *lines[two:two_end],
        *lines[one_end:two],
        *lines[one:one_end],
        *lines[two_end:],
    ]
    return "\n".join(swapped)


def _block(lines: list[str], header: int) -> tuple[int, int]:
    """A table's lines, from 0: its header with the comments right above it, to its last key."""
    start = end = header - 1
    if not _HEADER.match(lines[start]):
        raise UsageWrong(
            "these fallbacks are written in one line", code="edit_impossible", remedy="move them in the text"
        )
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    for at in range(header, len(lines)):
        if _HEADER.match(lines[at]):
            break
        if not _IDLE.match(lines[at]):
            end = at
    return start, end + 1
