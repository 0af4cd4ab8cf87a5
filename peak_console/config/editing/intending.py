"""What a change means in plain data, apart from any text: the measure that an edited text is held against."""

import copy
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.editing.rendering import rendered
from peak_console.config.positions import Path

MISSING: Final = object()


def at(data: Any, path: Path) -> Any:
    """The value at a path; :data:`MISSING` where there is none."""
    for step in path:
        named = isinstance(data, Mapping) and isinstance(step, str) and step in data
        if not named and not (isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)):
            return MISSING
        data = data[step]
    return data


def straight(data: Any, path: Path) -> Path:
    """The path without the indices that stand for a lone table where a list of tables could be."""
    way: Path = ()
    for step in path:
        if step == 0 and isinstance(at(data, way), Mapping):
            continue
        way = (*way, step)
    return way


def lone_before(data: Any, path: Path) -> Path | None:
    """The path of a lone table that a second element is asked for; ``None`` where there is none such."""
    path = straight(data, path)
    for length, step in enumerate(path):
        if step == 1 and isinstance(at(data, path[:length]), Mapping):
            return path[:length]
    return None


def plain_value(value: Any) -> Any:
    """A value as it is once written and read again. Raises ``ValueError`` for what TOML cannot hold."""
    return tomllib.loads(f"value = {rendered(value)}", parse_float=Decimal)["value"]


def intended(data: Any, change: Change) -> Any:
    """What a text must load to once the change is made; raises ``ValueError`` where that does not fit."""
    if not change.path:
        raise ValueError("a change needs a key")
    data = copy.deepcopy(data)
    if (lone := lone_before(data, change.path)) is not None:
        at(data, lone[:-1])[lone[-1]] = [at(data, lone)]
    path = straight(data, change.path)
    if change.value is ABSENT:
        if path and at(data, path) is not MISSING:
            del at(data, path[:-1])[path[-1]]
        return data
    value, existing = plain_value(change.value), at(data, path)
    if isinstance(existing, Mapping) and is_list_of_one(value):
        value = value[0]
    place = data
    for step, following in pairwise(path):
        if at(place, (step,)) is MISSING:
            _set(place, step, [] if isinstance(following, int) else {})
        place = place[step]
    _set(place, path[-1], value)
    return data


def is_list_of_one(value: Any) -> bool:
    """Whether a value is a list of one table."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping)


def _set(place: Any, step: str | int, value: Any) -> None:
    if isinstance(place, list) and isinstance(step, int):
        if step > len(place) or step < 0:
            raise ValueError(f"there is no element {step}, and {len(place)} would be the next")
        place[step : step + 1] = [value]
    elif isinstance(place, dict) and isinstance(step, str):
        place[step] = value
    else:
        raise TypeError(f"{step} would stand in what is no table")


def same(old: Any, new: Any) -> bool:
    """Equal in value and type: 1, 1.0, true and "1" are four values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, Decimal) and isinstance(new, Decimal) and old.is_nan() and new.is_nan():
        return True
    return type(old) is type(new) and bool(old == new)


def same_but_husks(loaded: Any, wanted: Any, path: Path) -> bool:
    """Whether data are as wanted, but for tables around ``path`` that hold nothing any more."""
    path = straight(wanted, path)
    wanted = copy.deepcopy(wanted)
    for length in range(len(path) - 1, -1, -1):
        if same(loaded, wanted):
            return True
        husk = at(wanted, path[:length])
        if not length or not isinstance(husk, dict | list) or husk:
            return False
        del at(wanted, path[: length - 1])[path[length - 1]]
    return False
