"""How far the hooks were told, and what is still due: a small file that outlives the process that tells."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.domain.clock import from_iso
from peak_console.incidents.hooks import Telling, telling_from

MOST_DUE: Final = 1000
"""How many tellings may wait; of more the oldest are given up."""

_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class HookPlace:
    """The last event that was looked at, and what waits to be told."""

    seq: int
    due: tuple[Telling, ...] = ()
    hooks: tuple[str, ...] = ()
    """The hooks that were told up to there; another one begins with now."""


def read_place(path: Path) -> HookPlace | None:
    """What the file says; ``None`` where there is none that says anything usable."""
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        seq, due = told["seq"], told["due"]
        hooks = told.get("hooks", [])
        if not isinstance(hooks, list) or not all(isinstance(one, str) for one in hooks):
            return None
        if type(seq) is not int or seq < 0 or not isinstance(due, list):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    found = (telling_from(one, from_iso) for one in due[:MOST_DUE])
    return HookPlace(seq, tuple(one for one in found if one is not None), tuple(hooks))


def write_place(path: Path, place: HookPlace) -> bool:
    """Replace the file in one step; false where it cannot be written, and nothing depends on it then."""
    due = [one.as_json() for one in place.due[-MOST_DUE:]]
    data = {"v": 1, "seq": place.seq, "hooks": list(place.hooks), "due": due}
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(data), encoding="utf-8")
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        return False
    return True
