"""What may stand at a place in a config's text: keys, providers, models, words of a choice. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from peak_console.config.editing.targets import SCOPE_KIND, Target
from peak_console.config.keys import fields_of, keys_at, mapped, models_in
from peak_console.config.lint.schema import SCOPE_SHAPE, SHAPES
from peak_console.config.positions import Path
from peak_console.operations.catalogue import ModelFacts

_HEADER: Final = re.compile(r"^[ \t]*\[\[?[ \t]*([^\[\]]*?)[ \t]*\]")
_PAIR: Final = re.compile(r"^([ \t]*)([A-Za-z0-9_-]+)([ \t]*=[ \t]*)([^#]*?)([ \t]*(?:#.*)?)$")
_KEY: Final = re.compile(r"^[ \t]*([A-Za-z0-9_-]*)$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word that fits. ``line`` is the whole line with it in, ``column`` the cursor's place then, from 0."""

    word: str
    note: str
    line: str
    column: int


def suggestions(
    target: Target, text: str, row: int, column: int, facts: Sequence[ModelFacts]
) -> tuple[str, tuple[Suggestion, ...]]:
    """What is typed so far at a place (counted from 0), and what may stand there."""
    lines = text.split("\n")
    line = lines[row].rstrip("\r") if row < len(lines) else ""
    shape = SCOPE_SHAPE if target.kind == SCOPE_KIND else SHAPES.get(target.kind)
    if shape is None:
        return "", ()
    path = table_at(lines, row)
    pair = _PAIR.match(line)
    if pair is not None and column >= len(pair[1]) + len(pair[2]):
        typed = pair[4].strip("\"' \t")
        words = _values(shape, path, pair[2], _section(lines, row), facts)
        return typed, tuple(_as_value(pair, word, note) for word, note in words)
    key = _KEY.match(line[:column])
    if key is None:
        return "", ()
    there = _section(lines, row)
    rest = line[column:]
    return key[1], tuple(_as_key(name, rest) for name in sorted(keys_at(shape, path)) if name not in there)


def table_at(lines: Sequence[str], row: int) -> Path:
    """The table that a line stands in, by the header above it."""
    for at in range(min(row, len(lines) - 1), -1, -1):
        if match := _HEADER.match(lines[at]):
            parts = tuple(part.strip(" \t\"'") for part in match[1].split("."))
            return (*parts, 0) if lines[at].lstrip().startswith("[[") else parts
    return ()


def _section(lines: Sequence[str], row: int) -> dict[str, str]:
    """The keys that stand in the same table, with their texts."""
    first = next((at for at in range(min(row, len(lines) - 1), -1, -1) if _HEADER.match(lines[at])), -1) + 1
    found: dict[str, str] = {}
    for at in range(first, len(lines)):
        if _HEADER.match(lines[at]):
            break
        if at != row and (pair := _PAIR.match(lines[at].rstrip("\r"))):
            found[pair[2]] = pair[4].strip("\"' \t")
    return found


def _as_key(name: str, rest: str) -> Suggestion:
    line = f"{name} = {rest}"
    return Suggestion(name, "", line, len(name) + 3)


def _as_value(pair: "re.Match[str]", word: str, note: str) -> Suggestion:
    value = word if word in {"true", "false"} else f'"{word}"'
    lead = f"{pair[1]}{pair[2]}{pair[3] if pair[3].endswith(' ') else pair[3] + ' '}{value}"
    return Suggestion(word, note, lead + pair[5], len(lead))


def _values(
    shape: Any, path: Path, key: str, table: dict[str, str], facts: Sequence[ModelFacts]
) -> Iterator[tuple[str, str]]:
    if key == "model_id":
        provider = table.get("provider", "")
        for one in sorted(facts, key=lambda one: (one.status != "allowed", one.name)):
            if not provider or one.provider == provider:
                yield one.model_id, f"{one.provider}  {one.status}"
        return
    if key == "provider":
        yield from ((name, "") for name in sorted({one.provider for one in facts}))
        return
    yield from ((word, "") for word in _choice(_annotation(shape, (*path, key))))


def _annotation(annotation: Any, path: Path) -> Any:
    """The type of the key at ``path``; ``None`` where the path leads nowhere."""
    if not path:
        return annotation
    if isinstance(path[0], int):
        return _annotation(annotation, path[1:])
    inner = mapped(annotation)
    if inner is not None:
        return _annotation(inner, path[1:])
    for model in models_in(annotation):
        for key, field in fields_of(model):
            if key == path[0]:
                return _annotation(field.annotation, path[1:])
    return None


def _choice(annotation: Any) -> list[str]:
    """The words of a choice: of an enumeration, of ``true`` and ``false``; none of any other type."""
    if annotation is bool:
        return ["true", "false"]
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return [str(one.value) for one in annotation]  # type: ignore[attr-defined]  # an enumeration
    if get_origin(annotation) is None:
        return []
    return next((found for one in get_args(annotation) if (found := _choice(one))), [])
