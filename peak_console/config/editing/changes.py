"""A change to a config by key, as data."""

from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.positions import Path


class _Absent:
    """The mark of a key that is to be taken out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """One key set to a value (text, number, boolean, date, list or table), or taken out (:data:`ABSENT`).

    A path is keys and indices, such as ``("L2", "fallback", 0, "model_id")``. Tables on the way are made;
    an index that is one past a list's end appends.
    """

    path: Path
    value: Any
