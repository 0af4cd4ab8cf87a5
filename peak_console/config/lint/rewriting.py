"""Quick fixes of keys and values: another name, another type, where the file is then better and not worse."""

import contextlib
import copy
import re
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.lint.finding import Fix
from peak_console.config.positions import Path
from peak_console.config.schema import ConfigModel
from peak_console.domain.text import one_line

_MOST_ERRORS: Final = 20
"""A file with more errors gets no such fixes: each is tried out on the whole file."""

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}")


def renamed(shape: type[ConfigModel], data: Any, path: Path, name: str) -> Fix | None:
    """The key under its right name, where that is free and takes the value."""
    table, old = _at(data, path[:-1]), path[-1]
    if not isinstance(table, dict) or name in table or old not in table:
        return None
    value = table[old]
    for one in (value, *_readings(value)):
        changes = (Change((*path[:-1], name), one), Change(path, ABSENT))
        if _better(shape, data, changes):
            return Fix(f"rename it to {name}", changes)
    return None


def retyped(shape: type[ConfigModel], data: Any, path: Path) -> Fix | None:
    """The value in the type that its key takes, where it can be read as one."""
    for one in _readings(_at(data, path)):
        changes = (Change(path, one),)
        if path and _better(shape, data, changes):
            return Fix(f"write {one_line(str(one).lower(), 60)} without quotes", changes)
    return None


def _readings(value: Any) -> list[Any]:
    """What a text may stand for: a boolean, a whole number, a number."""
    text = value.strip().rstrip("%").strip() if isinstance(value, str) else ""
    found: list[Any] = [{"true": True, "false": False}[text]] if text in {"true", "false"} else []
    if _WHOLE.fullmatch(text):
        found.append(int(text))
    if _NUMBER.fullmatch(text):
        found.append(Decimal(text))
    return found


def _better(shape: type[ConfigModel], data: Any, changes: tuple[Change, ...]) -> bool:
    before = _errors(shape, data)
    if not 0 < before <= _MOST_ERRORS:
        return False
    changed = copy.deepcopy(data)
    for change in changes:
        place = _at(changed, change.path[:-1])
        if change.value is ABSENT:
            del place[change.path[-1]]
        else:
            place[change.path[-1]] = change.value
    return _errors(shape, changed) < before


def _errors(shape: type[ConfigModel], data: Any) -> int:
    try:
        shape.model_validate(data)
    except ValidationError as invalid:
        return invalid.error_count()
    return 0


def _at(data: Any, path: Path) -> Any:
    with contextlib.suppress(KeyError, IndexError, TypeError):
        for step in path:
            data = data[step]
        return data
    return None
