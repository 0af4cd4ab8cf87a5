"""By what the lists of the Shadow screen can be sorted. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from peak_console.operations.views.shadow import JobLine, JobState
from peak_console.tui.screens.shadow_drawing import newest_run
from peak_console.tui.screens.shadow_drift_drawing import evidence_age_s

Key = Callable[[Any, datetime], Any]
Sort = tuple[str, bool, Key | None]
"""The column's title, whether its largest stands first, and the key; ``None`` keeps the order given."""

_FAR: Final = datetime.max.replace(tzinfo=UTC)
_STATES: Final = list(JobState)


def _last(one: JobLine, _: datetime) -> datetime:
    run = newest_run(one)
    return _FAR.replace(year=1970) if run is None else (run.ended_at or run.started_at or run.due_at)


SORTS: Final[Mapping[str, tuple[Sort, ...]]] = {
    "shadow-jobs": (
        ("", False, None),
        ("NEXT", False, lambda one, _: one.next_at or _FAR),
        ("LAST", True, _last),
        ("MISS", True, lambda one, _: one.missed),
        ("STATE", False, lambda one, _: _STATES.index(one.state)),
    ),
    "shadow-cycles": (
        ("TIME", True, lambda one, _: (one.at, one.seq)),
        ("OUTCOME", False, lambda one, _: one.outcome),
        ("REASONS", True, lambda one, _: (len(one.reasons), one.reasons)),
        ("€", True, lambda one, _: one.cost_eur or 0),
    ),
    "shadow-drift": (
        ("STATE", False, None),
        ("EVIDENCE", True, lambda one, _: one.gauge[0]),
        ("MODEL", False, lambda one, _: one.name),
        ("AGE", True, lambda one, now: evidence_age_s(one, now) or 0.0),
    ),
    "shadow-ready": (("STATE", False, None), ("CRITERION", False, lambda one, _: one.title)),
}
"""By the list's name; the first is how it stands before anything is chosen."""


def sorted_rows(name: str, rows: Sequence[Any], at: int, *, turned: bool, now: datetime) -> list[Any]:
    """The rows in the order chosen; ties keep the order given."""
    _, down, key = SORTS[name][at]
    if key is None:
        return list(reversed(rows)) if turned else list(rows)
    return sorted(rows, key=lambda one: key(one, now), reverse=down != turned)
