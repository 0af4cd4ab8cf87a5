"""The ledger's writer in a node: the folds that live in its transactions, and the conditions it sets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.keeping.pruning import Pruning
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.arm_record import ArmRecord
from peak_console.node.cycle_gates import CycleGates
from peak_console.node.facts import Facts
from peak_console.node.judgements import Judgements
from peak_console.node.paper_books import PaperBooks

if TYPE_CHECKING:
    from peak_console.domain.clock import Clock
    from peak_console.node.engine import Node
    from peak_console.node.writer_rules import WriterRules


@dataclass(frozen=True, slots=True)
class Folds:
    """What the node knows of its ledger at every moment."""

    facts: Facts
    breakers: Breakers
    reservations: Reservations
    pruning: Pruning
    armed: ArmRecord
    books: PaperBooks
    gates: CycleGates
    judgements: Judgements


def folds_of(rules: "WriterRules", clock: "Clock") -> Folds:
    """Empty folds; they fill when the writer is opened."""
    return Folds(
        Facts(),
        Breakers(rules.breaker_rules),
        Reservations(rules.limits, clock=clock),
        Pruning(rules.least_days, clock=clock),
        ArmRecord(),
        PaperBooks(),
        CycleGates(),
        Judgements(),
    )


def writer_of(node: "Node", folds: Folds) -> LedgerWriter:
    """The writer of the node's ledger; raises what opening a ledger raises."""
    rules, pauses = node.rules, node.scheduling.pauses
    return LedgerWriter(
        node.ws.ledger,
        clock=node.state.clock,
        projections=(
            *(folds.facts, node.state.approvals, Rollups(), folds.breakers, folds.reservations),
            *(folds.pruning, folds.armed, node.detecting, pauses, folds.books, folds.gates),
            folds.judgements,
        ),
        guards=(rules.guard,),
        conditions=(
            rules.condition,
            folds.breakers.out_of_place,
            folds.reservations.out_of_place,
            folds.pruning.out_of_place,
            rules.unapproved,
            folds.armed.out_of_place,
            node.detecting.out_of_place,
            pauses.out_of_place,
            folds.gates.out_of_place,
            folds.books.out_of_place,
            folds.judgements.out_of_place,
        ),
    )
