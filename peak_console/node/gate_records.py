"""Decisions of the risk gate on their way to the ledger: the node decides again before it takes one down."""

from collections.abc import Mapping

from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.text import one_line
from peak_console.risk.recorded import disagreement


def misdecided(draft: EventDraft) -> PeakError | None:
    """Why a ``gate.decided`` may not be written; ``None`` where its word is the gate's own, or for others."""
    if draft.kind != EventKind.GATE_DECIDED:
        return None
    why = disagreement(draft.body)
    if why is None:
        return _of_another_run(draft)
    return ControlRefused(
        f"the risk gate does not say so of these inputs: {one_line(why, 300)}",
        code="gate_disagrees",
        remedy="record what risk.gate.decide gives for the inputs; nothing else is the gate's word",
    )


def _of_another_run(draft: EventDraft) -> PeakError | None:
    """Why a sound decision is none of its event's run: its inputs name the run of the intent."""
    intent = draft.body["inputs"].get("intent")
    named = intent.get("run_id") if isinstance(intent, Mapping) else None
    if draft.run_id and named == draft.run_id:
        return None
    return ControlRefused(
        f"the intent that was decided on is of the run {one_line(str(named), 60)}, not of this one",
        code="gate_of_another_run",
        remedy="decide on an intent of this run; a decision is nobody else's",
    )
