"""Changes made in the text of a TOML file; comments, order and formatting of all else stay."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.domain.errors import UsageWrong


def apply_changes(text: str, changes: Iterable[Change]) -> str:
    """The text with the changes made, in order. Raises ``UsageWrong`` (``edit_impossible``)."""
    try:
        document = tomlkit.parse(text)
        for change in changes:
            _apply(document, change)
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        raise UsageWrong(
            f"the change cannot be made: {error}",
            code="edit_impossible",
            remedy="mend the file's text first; peak lint says where",
        ) from error


def _apply(document: Any, change: Change) -> None:
    if not change.path:
        raise ValueError("a change needs a key")
    place = document
    for step, following in zip(change.path[:-1], change.path[1:], strict=True):
        found = _step(place, step)
        if found is None:
            if change.value is ABSENT:
                return
            found = _made(place, step, following)
        place = found
    last = change.path[-1]
    if change.value is ABSENT:
        if _step(place, last) is not None:
            del place[last]
    elif isinstance(last, int) and isinstance(place, (AoT, Array)) and last == len(place):
        place.append(_item(change.value))
    else:
        place[last] = _item(change.value) if _step(place, last) is None else change.value


def _step(place: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return place[step] if isinstance(place, list) and 0 <= step < len(place) else None
    return place.get(step) if isinstance(place, Mapping) else None


def _made(place: Any, step: str | int, following: str | int) -> Any:
    """A table, or an array of tables, that was not there."""
    if isinstance(step, int):
        if not isinstance(place, list) or step != len(place):
            raise ValueError(f"there is no element {step}")
        place.append(tomlkit.table())
        return place[step]
    if not isinstance(place, MutableMapping):
        raise TypeError(f"{step} would stand in what is no table")
    place[step] = tomlkit.aot() if isinstance(following, int) else tomlkit.table()
    return place[step]


def _item(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    table = tomlkit.table()
    for key, inner in value.items():
        table[key] = inner
    return table
