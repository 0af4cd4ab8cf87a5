"""Limits that a run set itself when it began: they bind its calls in every process, and after a restart."""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from peak_console.budget.limits import Limit, Scope
from peak_console.domain.money import NanoEur, nano_from_text
from peak_console.ledger.headers import malformed

MAX_COST, MAX_TOKENS, MAX_CALLS = "max_cost_eur", "max_tokens", "max_calls"
_NAMES: Final = frozenset({MAX_COST, MAX_TOKENS, MAX_CALLS})
_EUR: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")
_COUNT_LIMIT: Final = 2**53
_KEPT: Final = 5_000
"""Runs in memory; what is forgotten is read again."""


def check_limits(limits: Any) -> None:
    """Refuse a run's limits that cannot be kept to; an unknown name would be a limit that does not bind.

    Raises ``UsageWrong``.
    """
    if limits is None:
        return
    if not isinstance(limits, Mapping):
        raise malformed("limits", "is no object")
    for name, value in limits.items():
        if name not in _NAMES:
            raise malformed(
                "limits", f"has the unknown name {str(name)!r:.60}; known: {', '.join(sorted(_NAMES))}"
            )
        if value is None:
            continue
        if name == MAX_COST:
            fits = isinstance(value, str) and _EUR.fullmatch(value) is not None
        else:
            fits = type(value) is int and 0 <= value < _COUNT_LIMIT
        if not fits:
            raise malformed("limits", f"has no usable {name!r}: {value!r:.60}")


def limit_of(limits: Mapping[str, Any]) -> Limit:
    """Limits that :func:`check_limits` let through, as the budget's arithmetic takes them."""
    cost = limits.get(MAX_COST)
    return Limit(
        Scope.RUN,
        max_tokens=limits.get(MAX_TOKENS),
        max_cost=None if cost is None else nano_from_text(cost),
        max_calls=limits.get(MAX_CALLS),
    )


class RunLimits:
    """Limits by run. A run that is begun again can only lower them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[str, Limit | None] = {}
        self._changed: set[str] = set()

    def begin(self, run_id: str, limits: Mapping[str, Any]) -> None:
        """A run began with ``limits``."""
        earlier, new = self.of(run_id), limit_of(limits)
        self._known[run_id] = new if earlier is None else earlier.lowered(new)
        self._changed.add(run_id)

    def of(self, run_id: str | None) -> Limit | None:
        """What the run set itself; ``None`` when nothing."""
        if run_id is None:
            return None
        if run_id not in self._known:
            if len(self._known) >= _KEPT:
                self._known = {one: self._known[one] for one in self._changed}
            row = self._db.execute("SELECT * FROM run_limit WHERE run_id = ?", (run_id,)).fetchone()
            self._known[run_id] = None if row is None else from_row(row)
        return self._known[run_id]

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what changed."""
        if self._changed:
            rows = [(run_id, *_row(self._known[run_id])) for run_id in self._changed]
            db.executemany("INSERT OR REPLACE INTO run_limit VALUES (?, ?, ?, ?)", rows)
            self._changed.clear()


def from_row(row: tuple[Any, ...]) -> Limit:
    """The limit in a row of ``run_limit``."""
    _, cost, tokens, calls = row
    return Limit(
        Scope.RUN,
        max_tokens=tokens,
        max_cost=None if cost is None else NanoEur(cost),
        max_calls=calls,
    )


def _row(limit: Limit | None) -> tuple[int | None, ...]:
    return (limit.max_cost, limit.max_tokens, limit.max_calls) if limit else (None, None, None)
