"""Hops folded from their events as the rows that a reader gives of the stored ones."""

from peak_console.domain.clock import from_unix_us, iso
from peak_console.ledger.folds.bound_spend import Booked
from peak_console.ledger.folds.budget_rows import BACKGROUND, OPEN, BookedRow, CallPlace, ReservationRow
from peak_console.ledger.folds.hop_money import HopMoney
from peak_console.ledger.headers import Header


def reservation_row(hop: HopMoney) -> ReservationRow:
    """A hop under way."""
    return ReservationRow(
        _place(hop, hop.request),
        BACKGROUND if hop.expires_us else OPEN,
        hop.held.cost,
        hop.held.tokens,
        hop.request.ts if hop.request else "",
        iso(from_unix_us(hop.expires_us)) if hop.expires_us else None,
    )


def booked_row(hop: HopMoney) -> BookedRow:
    """A hop that stands booked at its bound; under which counters is not known."""
    event, body = hop.end if hop.end is not None else (None, {})
    booked = hop.booked or Booked(hop.call_id, hop.hop, 0, 0, 0, None)
    reason = str(body.get("reason") or body.get("outcome") or "")
    return BookedRow(_place(hop, event), booked, event.ts if event else "", reason)


def _place(hop: HopMoney, event: Header | None) -> CallPlace:
    if event is None:
        return CallPlace(hop.call_id, hop.hop, "", "", "", "", "")
    names = (event.run_id, event.layer, event.role, event.provider, event.model_id)
    run_id, layer, role, provider, model_id = (name or "" for name in names)
    return CallPlace(hop.call_id, hop.hop, run_id, layer, role, provider, model_id)
