"""A ledger under test, as a node opens one."""

from dataclasses import dataclass, field
from pathlib import Path

from ledger_events import GENESIS, budget
from support.empty_ledger import put_empty

from peak_console.budget.limits import BudgetLimits
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import Condition, Guard, LedgerWriter
from peak_console.policy.breaker import BreakerRules


@dataclass
class Desk:
    """A ledger under test: its writer, clock and limits, which a test may exchange at any time."""

    path: Path
    clock: ManualClock = field(default_factory=ManualClock)
    limits: BudgetLimits = field(default_factory=budget)
    guards: tuple[Guard, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rules: BreakerRules = field(default_factory=BreakerRules)

    def open(self) -> "Desk":
        """Open the writer, as a node that starts does."""
        put_empty(self.path)
        self.rollups = Rollups()
        self.breakers = Breakers(lambda: self.rules)
        self.reservations = Reservations(lambda: self.limits, clock=self.clock)
        self.writer = LedgerWriter(
            self.path,
            clock=self.clock,
            projections=(self.rollups, self.breakers, self.reservations),
            guards=self.guards,
            conditions=(
                *self.conditions,
                self.breakers.out_of_place,
                self.reservations.out_of_place,
            ),
        )
        if self.writer.head[0] == 0:
            self.write(GENESIS)
        return self

    def reopen(self) -> None:
        """Close the writer and start again from the file."""
        self.writer.close()
        self.open()

    def append(self, *drafts: EventDraft) -> list[Ack | PeakError]:
        """Append in one transaction; whatever came of each."""
        return self.writer.append([(draft, "ada") for draft in drafts])

    def write(self, *drafts: EventDraft) -> list[Ack]:
        """Append what must be written."""
        results = self.append(*drafts)
        wrong = [one for one in results if isinstance(one, PeakError)]
        assert not wrong, wrong
        return [one for one in results if isinstance(one, Ack)]

    def reader(self) -> LedgerReader:
        """A reader of its own; close it."""
        return LedgerReader(self.path)

    def kinds(self) -> list[str]:
        """The kinds of all events, in order."""
        with self.reader() as reader:
            return [event.kind for event in reader.read(limit=10_000)]
