"""What the writer refuses for a stop of a part or a quarantine, from the node's own memory. Pure."""

from peak_console.control.scopes import Halt, Halts, Subject
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal


def refused_by_halts(draft: EventDraft, halts: Halts) -> Refusal | None:
    """Why a call may not be reserved; ``None`` where nothing that is halted covers it.

    ``passes_over`` in the details says that another candidate of the call may be asked.
    """
    halt = halts.of(_subject(draft)) if halts else None
    return None if halt is None else _refusal(halt)


def _subject(draft: EventDraft) -> Subject:
    """Who asked stands in the body; the event's own layer is that of the model."""
    asked = draft.body.get("asked_layer")
    served = draft.layer or ""
    return Subject(
        layer=asked if isinstance(asked, str) else served,
        run_id=draft.run_id or "",
        provider=draft.provider or "",
        model_id=draft.model_id or "",
        served=served,
    )


def _refusal(halt: Halt) -> Refusal:
    details = {"scope": halt.scope, "passes_over": not halt.whole}
    return Refusal(halt.reason.value, halt.words, halt.remedy, details)
