"""What the writer refuses for a stop of a part or a quarantine, from the node's own memory. Pure."""

from peak_console.config.canaries import NO_CANARIES, CanaryLibrary, prompt_name_of, prompt_version_of
from peak_console.control.scopes import Halt, Halts, Subject
from peak_console.domain.drift import puts_gold_case
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Refusal


def refused_by_halts(
    draft: EventDraft, halts: Halts, canaries: CanaryLibrary = NO_CANARIES
) -> Refusal | None:
    """Why a call may not be reserved; ``None`` where nothing that is halted covers it.

    ``passes_over`` in the details says that another candidate of the call may be asked. A gold case, which
    stands in ``canaries``, may be put to a quarantined model.
    """
    halt = halts.of(_subject(draft, canaries)) if halts else None
    return None if halt is None else _refusal(halt)


def _is_gold_case(draft: EventDraft, canaries: CanaryLibrary) -> bool:
    """Whether a call puts a case of a set. That a canary job's worker says so was asked at the socket."""
    if not puts_gold_case(draft.kind, draft.body):
        return False
    name, version = draft.body.get("prompt_name"), draft.body.get("prompt_version")
    found = next((one for known, one in canaries.sets.items() if prompt_name_of(known) == name), None)
    return found is not None and any(prompt_version_of(case) == version for case in found.case)


def _subject(draft: EventDraft, canaries: CanaryLibrary) -> Subject:
    """Who asked stands in the body; the event's own layer is that of the model."""
    asked = draft.body.get("asked_layer")
    served = draft.layer or ""
    return Subject(
        layer=asked if isinstance(asked, str) else served,
        run_id=draft.run_id or "",
        provider=draft.provider or "",
        model_id=draft.model_id or "",
        served=served,
        gold_case=_is_gold_case(draft, canaries),
    )


def _refusal(halt: Halt) -> Refusal:
    details = {"scope": halt.scope, "passes_over": not halt.whole}
    return Refusal(halt.reason.value, halt.words, halt.remedy, details)
