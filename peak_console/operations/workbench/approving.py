"""Approving a matrix in live: another operator's word for exactly one digest, for a limited time."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.history import change_rules, resolve, version_text
from peak_console.operations.workbench.saving import approvals_of, preview, reason_of
from peak_console.operations.workbench.shapes import Preview


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval on record."""

    digest: str
    old: str | None
    """The matrix it would replace."""
    operator: str
    valid_until: str
    seq: int

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "digest": self.digest,
            "old": self.old,
            "operator": self.operator,
            "valid_until": self.valid_until,
            "seq": self.seq,
        }


def proposal(ws: Workspace, digest: str, *, now: datetime | None = None) -> Preview:
    """What the matrix that ``digest`` names (6 digits or more) would change, as its approver sees it."""
    target = target_named("matrix")
    return preview(ws, target, version_text(ws, target, resolve(ws, target, digest)), now=now)


def approve(
    ws: Workspace,
    client: BlockingLedgerClient,
    digest: str,
    *,
    reason: str,
    operator: str | None = None,
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
) -> Approved:
    """Record that an operator looked at the matrix ``digest`` and approves it.

    It counts for a save, or a promotion into live, by another operator, until ``[changes] approval_valid_s``
    have passed; for one's own it counts nothing. The event holds the SHA-256 of the shown difference. Raises
    ``UsageWrong`` (``reason_missing``, ``no_such_version``, ``nothing_to_approve``), ``ConfigInvalid``
    (``lint_failed``) and what the node refuses.
    """
    now = now or SystemClock().now()
    why = reason_of(reason)
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    signer = choose_operator(store, operator)
    seen = proposal(ws, digest, now=now)
    if not seen.changed and not _awaits(ws, seen.new, now):
        raise UsageWrong(
            f"the matrix {seen.new[:12]} is the one that stands, and nothing waits for its approval",
            code="nothing_to_approve",
            remedy="approve what was proposed: its digest is in the refusal of its save",
        )
    if seen.checked.errors:
        raise ConfigInvalid(
            f"the matrix {seen.new[:12]} does not pass lint, so nobody could save it",
            code="lint_failed",
            remedy="send it back to who proposed it",
            findings=[one.as_dict() for one in (*seen.checked.findings, *seen.checked.elsewhere)],
        )
    until = iso(now + timedelta(seconds=change_rules(ws).approval_valid_s))
    body = {
        "digest": seen.new,
        "old": seen.base,
        "diff_sha256": sha256_hex(seen.diff.encode("utf-8", "surrogatepass")),
        "valid_until": until,
        "reason": why,
        "operator": signer,
    }
    draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.MATRIX_APPROVED.value, body)
    return Approved(seen.new, seen.base, signer, until, append_proved(client, store, signer, draft))


def _awaits(ws: Workspace, digest: str, now: datetime) -> bool:
    """Whether the matrix that stands waits for approval: before live begins, and in live where none holds."""
    level = rules_of(ws)
    if level is PhaseLevel.LIVE:
        return not approvals_of(ws).may_hold(digest, iso(now))
    return level is PhaseLevel.TESTNET
