"""What a call's page takes from the ledger beside the call's own events: critics' words, the chain."""

from collections.abc import Sequence
from dataclasses import replace

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.call_detail import CallDetail, JudgementLine
from peak_console.operations.views.call_fold import judgement_of
from peak_console.operations.views.chain import place_of


def whole_page(reader: LedgerReader, detail: CallDetail, events: Sequence[LedgerEvent]) -> CallDetail:
    """``detail``, folded from ``events``, with judgements, chain and events. Raises ``LedgerUnavailable``."""
    said = (*detail.judgements, *_judgements(reader, detail.call_id, detail.run_id))
    judgements = {one.seq: one for one in said}
    return replace(
        detail,
        judgements=tuple(judgements[seq] for seq in sorted(judgements)),
        chain=tuple(place_of(event, _hash_before(reader, event)) for event in events),
        events=tuple(event_json(event) for event in events),
    )


def _judgements(reader: LedgerReader, call_id: str, run_id: str) -> list[JudgementLine]:
    """What critics said of this call; they stand under calls of their own, in the same run."""
    if not run_id:
        return []
    asked = EventFilter(kinds=(EventKind.CRITIC_JUDGED.value,), run_id=run_id)
    events = reader.find(asked, None, 200).events
    return [judgement_of(event) for event in events if (event.body or {}).get("judged_call_id") == call_id]


def _hash_before(reader: LedgerReader, event: LedgerEvent) -> str | None:
    before = reader.read(event.seq - 2, 1, bodies=False) if event.seq > 1 else []
    return before[0].hash if before and before[0].seq == event.seq - 1 else None


def event_json(event: LedgerEvent) -> dict[str, object]:
    """An event as documents show it: its header, and its body unless that was pruned."""
    shown: dict[str, object] = event.header()
    return shown if event.body is None else {**shown, "body": dict(event.body)}
