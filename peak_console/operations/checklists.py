"""The runbook's checklists: each item from evidence with its age, or signed by an operator with a note."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.checklists_facts import gather, matrix_digest
from peak_console.operations.checklists_judging import (
    NOTE_LIMIT,
    SIGNABLE,
    ChecklistFacts,
    ListName,
    items_of,
)
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.views.body_fields import EPOCH
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState

NAMES: Final = tuple(one.value for one in ListName)
"""The checklists that there are."""


@dataclass(frozen=True, slots=True)
class Signed:
    """An operator's word that is on record; ``item`` is how the item stands now."""

    checklist: str
    item: ChecklistItem
    operator: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "checklist": self.checklist,
            "item": self.item.id,
            "state": self.item.state.value,
            "note": self.item.note,
            "operator": self.operator,
            "seq": self.seq,
        }


def checklist(ws: Workspace, name: str, clock: Clock | None = None) -> Checklist:
    """A checklist by its name, judged now; raises ``UsageWrong`` (``checklist_unknown``).

    Where the ledger cannot be read, one red item says so, and nothing is green.
    """
    known = list_named(name)
    clock = clock or SystemClock()
    now = clock.now()
    try:
        return Checklist(known.value, now, items_of(known, gather(ws, known, clock), now))
    except LedgerUnavailable as error:
        broken = ChecklistItem(
            "ledger", "the ledger can be read", ItemState.RED, error.message, now, error.remedy
        )
        return Checklist(known.value, now, (broken,))


def pre_live(ws: Workspace, clock: Clock | None = None) -> Checklist:
    """What must be green before anything is armed for live."""
    return checklist(ws, ListName.PRE_LIVE.value, clock)


def sign(
    ws: Workspace,
    client: BlockingLedgerClient,
    item: str,
    *,
    note: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Signed:
    """Put an operator's word on an item on record, with proof, the note, and the matrix it was given under.

    Raises ``UsageWrong`` for an item that there is not, without a note, and (``not_signable``) for one that
    is computed and nothing else; and as the node refuses.
    """
    known = _list_of(item)
    said = one_line(note, NOTE_LIMIT).strip()
    if not said:
        raise UsageWrong("a signature needs a note", code="note_missing", remedy='add: --note "..."')
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    signer = choose_operator(store, operator)
    body = {
        "checklist": known.value,
        "item": item,
        "note": said,
        "operator": signer,
        "evidence": {"matrix": matrix_digest(ws)},
    }
    draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.CHECKLIST_SIGNED.value, body)
    seq = append_proved(client, store, signer, draft)
    standing = next(one for one in checklist(ws, known.value, clock).items if one.id == item)
    return Signed(known.value, standing, signer, seq)


def list_named(name: str) -> ListName:
    """A checklist's name; raises ``UsageWrong`` (``checklist_unknown``)."""
    try:
        return ListName(name)
    except ValueError:
        raise UsageWrong(
            f"there is no checklist '{one_line(name, 40)}'",
            code="checklist_unknown",
            remedy=f"name one of: {', '.join(NAMES)}",
        ) from None


def _list_of(item: str) -> ListName:
    """The list of an item that may be signed; raises ``UsageWrong`` for any other word."""
    for name, signable in SIGNABLE:
        if item == signable:
            return name
    may = ", ".join(signable for _, signable in SIGNABLE)
    known = {one.id for name in ListName for one in items_of(name, ChecklistFacts(), EPOCH)}
    if item in known or item.startswith("readiness:"):
        raise UsageWrong(
            f"{one_line(item, 60)} is computed; nobody's word replaces that",
            code="not_signable",
            remedy=f"see how it becomes green: peak checklist; what may be signed: {may}",
        )
    raise UsageWrong(
        f"no checklist has an item '{one_line(item, 60)}'",
        code="checklist_item_unknown",
        remedy=f"see the items: peak checklist; what may be signed: {may}",
    )
