"""Releases of models on their way to the ledger: what is let back into use is out of it."""

from collections.abc import Collection

from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.text import one_line

CODE = "model_not_quarantined"


def misreleased(draft: EventDraft, quarantined: Collection[str]) -> PeakError | None:
    """Why a ``model.released`` may not be written; ``None`` where it may, and for other kinds.

    ``quarantined`` are the models that are out of use, as ``PROVIDER:MODEL``. A release of another would have
    its tests begin again, and make it look cleared. A reason stands with it, and the operator: who is named
    signed it, by :func:`~peak_console.ledger.service.privileges.unproven`.
    """
    if draft.kind != EventKind.MODEL_RELEASED:
        return None
    name = f"{draft.body.get('provider')}:{draft.body.get('model_id')}"
    if name not in quarantined:
        return ControlRefused(
            f"{one_line(name, 120)} is not quarantined",
            code=CODE,
            remedy="there is nothing to release; see: peak drift status",
        )
    if not _said(draft.body.get("reason")):
        return UsageWrong("a release needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if not _said(draft.body.get("operator")):
        return UsageWrong("a release names the operator who signs it", code="event_malformed")
    return None


def _said(value: object) -> bool:
    """Whether it says anything that people can read."""
    return isinstance(value, str) and any(one.isalnum() for one in value)
