"""What the status takes from the configs: budgets, findings, and whose key this user holds."""

import contextlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from peak_console.budget.limits import BudgetLimits, Limit, Scope, scope_keys
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock
from peak_console.domain.errors import ConfigInvalid, PeakError
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.ledger.folds.windows import BudgetRow
from peak_console.operations.views.bar import BudgetLine, ConfigFinding
from peak_console.operations.views.findings import FindingsCache

_WHOAMI_EVERY_US: Final = 10_000_000
_SHOWN_SCOPES: Final = frozenset({Scope.DAY, Scope.LAYER_DAY, Scope.MONTH, Scope.PHASE})


class ConfigFacts:
    """Reads the configs of a workspace again and again, keeping what has not changed."""

    def __init__(self, ws: Workspace, clock: Clock, environ: Mapping[str, str]) -> None:
        self._ws, self._clock, self._environ = ws, clock, environ
        self._cache = ConfigCache(ws, clock=clock)
        self._findings = FindingsCache(ws)
        self._whoami: tuple[int | None, str | None] = (None, None)

    def limits(self) -> BudgetLimits | None:
        """The budgets' limits; ``None`` while the configs cannot be used."""
        try:
            return self._cache.current().budgets.limits
        except ConfigInvalid:
            return None

    def triggers_off(self) -> tuple[str, ...]:
        """Triggers that are switched off; none is known while the configs cannot be used."""
        try:
            return self._cache.current().incidents.off
        except ConfigInvalid:
            return ()

    def max_drawdown_pct(self) -> Decimal | None:
        """How far a book may stand below its highest; ``None`` where no limit says, or none can be read."""
        try:
            return self._cache.current().limits.losses.max_drawdown_pct
        except ConfigInvalid:
            return None

    def findings(self, level: PhaseLevel, today: date) -> tuple[ConfigFinding, ...]:
        """Lint's findings, errors first."""
        return self._findings.current(level, today)

    def budgets(
        self,
        limits: BudgetLimits | None,
        counters: Mapping[str, BudgetRow],
        now: datetime,
        phase_since: str,
        recent: Mapping[str, int],
    ) -> tuple[BudgetLine, ...]:
        """The budgets; none while the configs cannot be used."""
        return () if limits is None else tuple(budget_lines(limits, counters, now, phase_since, recent))

    def operator(self) -> str | None:
        """Whose key this user holds here; asked again each ten seconds."""
        now_us = self._clock.boot_us()
        asked_us, name = self._whoami
        if asked_us is None or now_us - asked_us >= _WHOAMI_EVERY_US:
            name = None
            with contextlib.suppress(PeakError, OSError):
                name = next(iter(KeyStore(self._ws.keys, self._environ).mine()), None)
            self._whoami = (now_us, name)
        return name


def budget_lines(
    limits: BudgetLimits,
    counters: Mapping[str, BudgetRow],
    now: datetime,
    phase_since: str,
    recent: Mapping[str, int] | None = None,
) -> list[BudgetLine]:
    """Every budget that is counted by day, month or phase, with what is spent and reserved of it. Pure.

    ``recent`` counts the requests of the last minute by layer; without it limits on calls per minute are
    left out.
    """
    bound: dict[str, tuple[Limit, str]] = {}
    for layer in Layer:
        for limit, key in scope_keys(
            limits, call_id=None, run_id=None, layer=layer.value, at=now, phase_since=phase_since
        ):
            if limit.scope in _SHOWN_SCOPES:
                bound[key] = (limit, key)
    lines: list[BudgetLine] = []
    for limit, key in bound.values():
        asked = None
        if recent is not None:
            asked = sum(recent.values()) if limit.layer is None else recent.get(limit.layer, 0)
        lines.extend(lines_of(limit, key, counters.get(key), float(limits.warn_pct), asked))
    return lines


def lines_of(
    limit: Limit, key: str, row: BudgetRow | None, warn_pct: float, recent: int | None = None
) -> list[BudgetLine]:
    """One line for each number of a limit. Pure."""
    figures = (
        ("eur", limit.max_cost, row.spent_cost if row else 0, row.reserved_cost if row else 0),
        ("tokens", limit.max_tokens, row.spent_tokens if row else 0, row.reserved_tokens if row else 0),
        ("calls", limit.max_calls, row.spent_calls if row else 0, row.reserved_calls if row else 0),
        ("calls_per_min", None if recent is None else limit.max_calls_per_min, recent or 0, 0),
    )
    return [
        BudgetLine(limit.scope.value, key, limit.layer, unit, spent, reserved, most, warn_pct)
        for unit, most, spent, reserved in figures
        if most is not None
    ]
