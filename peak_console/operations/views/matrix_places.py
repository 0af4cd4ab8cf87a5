"""The slots of a matrix's text: from its data, or line by line while the text is no TOML. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from peak_console.config.document import Document, parse_document
from peak_console.config.positions import Path
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer, Role
from peak_console.operations.views.matrix import Place

LAYERS: Final = tuple(one.value for one in Layer if one.may_call_models)
_FALLBACK: Final = Role.FALLBACK.value
_HEADER: Final = re.compile(r"^[ \t]*\[\[?[ \t]*([^\[\]\n]*?)[ \t]*\]?\]?[ \t]*(?:#.*)?$", re.MULTILINE)
_PAIR: Final = re.compile(r"""^[ \t]*([A-Za-z_]+)[ \t]*=[ \t]*(?:"([^"\n]*)"?|'([^'\n]*)'?|(true|false)\b)""")
_TEXT: Final = 200


def places_of(text: str, name: str) -> tuple[tuple[Place, ...], str]:
    """The slots of a matrix's text, in chain order, and why the text cannot be parsed (empty where it can).

    What no layer holds is not listed: a matrix without L3 has no rows of L3, one with an empty ``[L3]`` has
    a row that misses its primary. Never raises on what the text holds.
    """
    document = parse_document(text.encode("utf-8", "surrogatepass"), name)
    headers = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    last = text.count("\n") + 1
    if document.data is None:
        trouble = document.trouble
        why = trouble.message if trouble is not None else "it cannot be read"
        line = trouble.place[0] if trouble is not None else 1
        return tuple(_salvaged(text, last)), f"line {line}: {one_line(why, _TEXT)}"
    return tuple(_from_data(document, headers, last)), ""


class _Where(NamedTuple):
    """Where a slot's table stands: the way to it, its first line and its last."""

    path: Path
    line: int
    end: int


def _from_data(document: Document, headers: list[int], last: int) -> Iterator[Place]:
    def where(*path: str | int) -> _Where:
        start = document.place(path)[0]
        return _Where(path, start, _end(headers, start, last))

    for layer in LAYERS:
        table = (document.data or {}).get(layer)
        if not isinstance(table, Mapping):
            continue
        yield _place((layer, "primary"), table.get("primary"), (0, 1), where(layer, "primary"))
        found = table.get(_FALLBACK)
        fallbacks = found if isinstance(found, list) else [] if found is None else [found]
        for at, one in enumerate(fallbacks):
            way = (layer, _FALLBACK, at) if isinstance(found, list) else (layer, _FALLBACK)
            yield _place((layer, _FALLBACK), one, (at, len(fallbacks)), where(*way))
        yield _place((layer, "critic"), table.get("critic"), (0, 1), where(layer, "critic"))


def _place(slot: tuple[str, str], value: Any, order: tuple[int, int], where: _Where) -> Place:
    table = value if isinstance(value, Mapping) else {}
    return Place(
        *slot,
        *order,
        where.path,
        where.line,
        where.end,
        provider=_word(table.get("provider")),
        model_id=_word(table.get("model_id")),
        service=_word(table.get("service")),
        degraded=table.get("degraded") is True,
        missing=value is None,
        base_url=_word(table.get("base_url")) or None,
        deployment=_word(table.get("deployment")) or None,
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _end(headers: list[int], start: int, last: int) -> int:
    at = bisect_right(headers, start)
    return headers[at] - 1 if at < len(headers) else last


def _salvaged(text: str, last: int) -> Iterator[Place]:
    """Slots by their headers and by the lines below them, in the order of the layers."""
    sections = list(_sections(text, last))
    for layer in LAYERS:
        for role in ("primary", _FALLBACK, "critic"):
            found = [one for one in sections if one[0] == (layer, role)]
            for at, (_, start, end, table) in enumerate(found):
                path: Path = (layer, role, at) if role == _FALLBACK and len(found) > 1 else (layer, role)
                yield _place((layer, role), table, (at, len(found)), _Where(path, start, end))


def _sections(text: str, last: int) -> Iterator[tuple[tuple[str, ...], int, int, dict[str, Any]]]:
    matches = list(_HEADER.finditer(text))
    lines = text.split("\n")
    starts = [text.count("\n", 0, match.start()) + 1 for match in matches]
    for at, (match, start) in enumerate(zip(matches, starts, strict=True)):
        end = starts[at + 1] - 1 if at + 1 < len(starts) else last
        table: dict[str, Any] = {}
        for line in lines[start:end]:
            if pair := _PAIR.match(line):
                value = pair[2] if pair[2] is not None else pair[3]
                table[pair[1]] = pair[4] == "true" if pair[4] else value
        yield tuple(part.strip(" \t\"'") for part in match[1].split(".")), start, end, table
