"""What a call's page takes from the ledger beside the call's own events: critics' words, the chain."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.call_detail import CallDetail, JudgementLine
from peak_console.operations.views.call_fold import judgement_of
from peak_console.operations.views.chain import place_of

if TYPE_CHECKING:
    from peak_console.operations.why_moment import Then

_OPENING: Final = frozenset({EventKind.CALL_REQUESTED.value, EventKind.CALL_REFUSED.value})
_KEPT: Final = 16
_MOMENTS: "dict[str, Then]" = {}


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


def with_moment(
    reader: LedgerReader, detail: CallDetail, events: Sequence[LedgerEvent], *, read: bool = True
) -> CallDetail:
    """``detail`` explained in sentences, with what stood when the call was asked.

    That is folded from the events before, which takes a while: without ``read`` it is told only where it is
    known already, and ``moment_due`` says that it is not.
    """
    from peak_console.operations.explaining.why_words import call_paragraph  # noqa: PLC0415 - not for a first look

    opening = next((one for one in events if one.kind in _OPENING), None)
    if opening is None or detail.missing:
        return detail
    then = _then(reader, opening) if read else _MOMENTS.get(_key(reader, opening))
    told = tuple(call_paragraph(detail, then))
    return replace(detail, told=told, moment_due=then is None and not read)


def _key(reader: LedgerReader, opening: LedgerEvent) -> str:
    return f"{reader.path}#{opening.hash}"


def _then(reader: LedgerReader, opening: LedgerEvent) -> "Then | None":
    """What stood before an event; it never changes, so the last few are kept."""
    from peak_console.operations.explaining.why_then import before_event  # noqa: PLC0415 - not for a first look

    key = _key(reader, opening)
    if key not in _MOMENTS:
        while len(_MOMENTS) >= _KEPT:
            _MOMENTS.pop(next(iter(_MOMENTS)), None)
        try:
            _MOMENTS[key] = before_event(Workspace(reader.path.parent.parent), opening)
        except PeakError:
            return None
    return _MOMENTS[key]


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
