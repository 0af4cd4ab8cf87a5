"""What the ledger says now of budgets and breakers, for explanations of routes and calls."""

from dataclasses import dataclass
from datetime import datetime

from peak_console.budget.limits import BudgetLimits
from peak_console.domain.events import EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.breaker_fold import breaker_lines
from peak_console.operations.views.breakers import BreakerLine
from peak_console.operations.views.config_facts import budget_lines


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Budgets and breakers at one moment."""

    at: datetime
    budgets: tuple[BudgetLine, ...] = ()
    breakers: tuple[BreakerLine, ...] = ()


def ledger_facts(reader: LedgerReader, limits: BudgetLimits | None, now: datetime) -> LedgerFacts:
    """The facts at ``now``; no budgets without ``limits``. Raises ``LedgerUnavailable``."""
    changed = reader.last(EventKind.PHASE_CHANGED)
    counters = {row.key: row for row in reader.budgets()}
    since = changed.ts if changed else ""
    budgets = budget_lines(limits, counters, now, since) if limits else ()
    return LedgerFacts(now, tuple(budgets), breaker_lines(reader, now))
