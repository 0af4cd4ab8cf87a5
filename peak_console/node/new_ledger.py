"""The ledger that follows a broken one: signed for by its operator, written whole, and verified."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peak_console.control.keys import KeyStore, verify_proof
from peak_console.domain.clock import Clock
from peak_console.domain.errors import ControlRefused, LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.service.privileges import challenge_message
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.facts import Facts
from peak_console.node.genesis import Successor, successor_genesis
from peak_console.policy.breaker import BreakerRules

if TYPE_CHECKING:
    from peak_console.budget.limits import BudgetLimits

_ACTOR: Final = "node"
_BATCH: Final = 100
"""Events that are written in one transaction: what is carried over may be thousands."""


def proved_genesis(store: KeyStore, successor: Successor) -> tuple[EventDraft, dict[str, Any]]:
    """The new genesis and its operator's signature; raises ``ControlRefused`` where that is nobody's."""
    operator, enrolled = successor.operator, successor.operators.get(successor.operator)
    genesis, nonce = successor_genesis(successor), secrets.token_hex(16)
    if enrolled is None:
        raise ControlRefused(
            f"{operator} is no operator by what is left of the ledger and configs/keys",
            code="operator_unknown",
            remedy=f"sign as one of: {', '.join(sorted(successor.operators)) or 'nobody is left'}",
        )
    proof = store.prove(operator, nonce, genesis)
    if not verify_proof(enrolled, proof, challenge_message(nonce, genesis)):
        raise ControlRefused(
            f"the signature is not that of operator {operator}",
            code="proof_required",
            remedy="sign with the key that is enrolled",
        )
    return genesis, {"event_id": genesis.event_id, "nonce": nonce, "signature": proof.signature}


def write_ledger(
    path: Path, drafts: Sequence[EventDraft], limits: Callable[[], "BudgetLimits"], clock: Clock
) -> tuple[int, str]:
    """Write ``drafts`` as the node's own to a new ledger and verify it: its events and head.

    Raises the refusal of whichever is refused, and ``LedgerUnavailable`` where the file does not verify.
    """
    projections = (Facts(), Rollups(), Breakers(BreakerRules), Reservations(limits, clock=clock))
    with LedgerWriter(path, clock=clock, projections=projections) as writer:
        for part in _batched(drafts):
            for written in writer.append([(draft, _ACTOR) for draft in part]):
                if isinstance(written, PeakError):
                    raise written
        head = writer.head
    result = verify(path)
    if not result.ok:
        raise LedgerUnavailable(
            f"the new ledger does not verify ({result.broken_how}): the disk may be at fault",
            code="ledger_io_error",
            remedy="check the disk of audits/, then recover again",
        )
    return head


def _batched(drafts: Sequence[EventDraft]) -> Iterator[Sequence[EventDraft]]:
    """``drafts`` in parts, in their order."""
    for start in range(0, len(drafts), _BATCH):
        yield drafts[start : start + _BATCH]
