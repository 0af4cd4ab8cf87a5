"""Lint that looks again whenever a config changes."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peak_console.operations.lint import LintReport

if TYPE_CHECKING:
    from threading import Event

_WAIT_MS: Final = 200
_GATHERED_MS: Final = 100
"""Changes that come within this time are one change: an editor writes, renames and syncs."""


def watched(
    places: Sequence[Path], report: Callable[[date], LintReport], *, stop: "Event | None" = None
) -> Iterator[tuple[datetime, LintReport]]:
    """A report now and one after each change, with its time (UTC), until ``stop`` is set."""
    from watchfiles import watch  # noqa: PLC0415 - loaded only where something is watched

    changes = watch(
        *places,
        debounce=_GATHERED_MS,
        step=20,
        rust_timeout=_WAIT_MS,
        yield_on_timeout=True,
        stop_event=stop,
    )
    due = True
    for found in changes:  # the first comes once the places are watched, so that no change is missed
        if found or due:
            due = False
            now = datetime.now(UTC)
            yield now, report(now.date())
