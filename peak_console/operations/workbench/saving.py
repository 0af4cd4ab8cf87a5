"""Saving a config: checked, weighed, recorded with an operator's proof, then put in its place whole.

The order is such that a death at any step leaves the old file or the new one, and an event whose version was
never in force at most. A refusal changes nothing on disk.
"""

import errno
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

from peak_console.config.document import MAX_BYTES
from peak_console.config.editing.differing import text_diff
from peak_console.config.editing.targets import WRITTEN_APART, Target
from peak_console.config.lint.finding import Severity
from peak_console.config.versions import keep_text
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import SystemClock, iso
from peak_console.domain.errors import ConfigInvalid, ControlRefused, EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line, plain
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.missing_ledger import is_missing
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.approvals import KINDS as APPROVAL_KINDS
from peak_console.operations.workbench.approvals import Approvals, fold
from peak_console.operations.workbench.checking import Checker
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.events_read import events_of
from peak_console.operations.workbench.files import (
    Replacement,
    bytes_of,
    read_standing,
    saving_alone,
)
from peak_console.operations.workbench.history import key_changes_of
from peak_console.operations.workbench.shapes import Concern, Preview, Saved
from peak_console.operations.workbench.timeline import ROLLED_BACK
from peak_console.operations.workbench.weighing import concerns

CONFIRM_WORD: Final = "CHANGE"
"""What an operator types where a change is confirmed twice."""

REASON_LIMIT: Final = 500
DIFF_LIMIT: Final = 100_000
"""Characters of the difference that an event holds; the whole texts are in audits/versions."""

_KEYS_LIMIT: Final = 200
_KINDS: Final = {"matrix": EventKind.MATRIX_CHANGED, "prices": EventKind.PRICES_CHANGED}


class Stage(StrEnum):
    """The steps of a save, in order; told as each is done."""

    KEPT = "kept"
    WRITTEN = "written"
    RECORDED = "recorded"
    PLACED = "placed"


Told = Callable[[Stage], object]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be saved, by whom and why. ``base`` is the digest of the file the edit began from."""

    target: Target
    text: str
    base: str | None
    reason: str
    back: bool = False
    """Whether it goes back to a version of before."""


def preview(
    ws: Workspace,
    target: Target,
    text: str,
    *,
    now: datetime | None = None,
    operator: str | None = None,
    checker: Checker | None = None,
) -> Preview:
    """What saving ``text`` would do and what stands against it; nothing is changed.

    ``operator`` is who would save: their own approval does not count. ``checker`` keeps files parsed between
    previews. Raises ``UsageWrong`` for what can never be saved, ``EnvironmentUnfit`` for a file that cannot
    be read.
    """
    now = now or SystemClock().now()
    _refuse_apart(target)
    data = _data(text)
    standing = read_standing(ws, target)
    phase = rules_of(ws)
    checker = checker or Checker(ws, phase=phase, today=now.date())
    checker.phase, checker.today = phase, now.date()
    new = sha256_hex(data)
    needs = target.kind == "matrix" and phase is PhaseLevel.LIVE
    return Preview(
        target=target,
        base=standing.digest,
        new=new,
        diff=text_diff(standing.text or "", text, target.path),
        keys=key_changes_of(target, standing.text, text),
        checked=checker.check(target, text),
        concerns=concerns(ws, target, standing.text or "", text, now),
        needs_approval=needs,
        approved_by=_approved_by(ws, new, now, operator) if needs else None,
    )


def save(
    ws: Workspace,
    client: BlockingLedgerClient,
    target: Target,
    text: str,
    *,
    base: str | None,
    reason: str,
    operator: str | None = None,
    confirmed: Collection[str] = (),
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
    told: Told | None = None,
) -> Saved:
    """Put ``text`` in the place of the target's file, recorded and proved by an operator.

    ``base`` is the digest of the file the edit began from (``None``: there was none); ``confirmed`` are the
    codes of the concerns that were shown and confirmed. Raises ``UsageWrong`` (``nothing_changed``,
    ``reason_missing``), ``ControlRefused`` (``file_changed``, ``confirmation_needed``, ``approval_required``,
    and without proof), ``ConfigInvalid`` (``lint_failed``), and ``EnvironmentUnfit`` where the disk or the
    node fails. Whatever is raised before the end, the old file stands.
    """
    change = Change(target, text, base, reason)
    return carry_out(
        ws, client, change, operator=operator, confirmed=confirmed, now=now, environ=environ, told=told
    )


def carry_out(
    ws: Workspace,
    client: BlockingLedgerClient,
    change: Change,
    *,
    operator: str | None = None,
    confirmed: Collection[str] = (),
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
    told: Told | None = None,
) -> Saved:
    """:func:`save`, and what a rollback does as well."""
    tell = told or _silent
    why = reason_of(change.reason)
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    with saving_alone(ws):
        replacement = Replacement(ws, change.target)
        replacement.check()
        seen = preview(ws, change.target, change.text, now=now, operator=signer)
        _refuse(change, seen, confirmed)
        _keep(ws, change)
        _refuse_unapproved(seen)
        tell(Stage.KEPT)
        replacement.write(bytes_of(change.text))
        try:
            tell(Stage.WRITTEN)
            _refuse_other_base(change, read_standing(ws, change.target).digest)
            seq = append_proved(client, store, signer, _event(change, seen, why, signer))
            tell(Stage.RECORDED)
            _refuse_other_base(change, read_standing(ws, change.target).digest)
            replacement.put()
        finally:
            replacement.drop()
        _read_back(ws, change.target, seen.new)
        tell(Stage.PLACED)
    with suppress(PeakError):  # the save is done; a draft too many shows as one that changes nothing
        drafts_of(ws, environ).drop_saved(change.target.name, change.text)
    return Saved(change.target, seen.base, seen.new, seq, seen.keys)


def confirmed_by(word: str, seen: Preview) -> frozenset[str]:
    """The concerns of a preview that a typed word confirms: all of them, or none for another word."""
    return frozenset(one.code for one in seen.concerns) if word == CONFIRM_WORD else frozenset()


def reason_of(reason: str) -> str:
    """A reason as it is recorded; raises ``UsageWrong`` (``reason_missing``)."""
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong("a change needs a reason", code="reason_missing", remedy='add: --reason "..."')
    return why


def approvals_of(ws: Workspace) -> Approvals:
    """Who approved what, by the ledger; nothing where it has not begun. Raises ``LedgerUnavailable``."""
    if is_missing(ws):
        return Approvals()
    with LedgerReader(ws.ledger) as reader:
        return fold(events_of(reader, APPROVAL_KINDS))


# -- what stands against a save


def _refuse(change: Change, seen: Preview, confirmed: Collection[str]) -> None:
    _refuse_other_base(change, seen.base)
    if not seen.changed:
        raise UsageWrong(
            f"{change.target.path} says this already: nothing would change, so nothing was recorded",
            code="nothing_changed",
            remedy="change something first",
        )
    if seen.checked.errors:
        raise _lint_failed(seen)
    open_concerns = [one for one in seen.concerns if one.code not in confirmed]
    if open_concerns:
        raise _unconfirmed(open_concerns)


def _refuse_other_base(change: Change, disk: str | None) -> None:
    if disk != change.base:
        raise ControlRefused(
            f"{change.target.path} was changed by somebody else since this edit began",
            code="file_changed",
            remedy="look at both and merge: the draft, the file, and what both came from",
            base=change.base,
            disk=disk,
        )


def _refuse_unapproved(seen: Preview) -> None:
    """The proposal is kept by now, so that the other operator can look at it."""
    if seen.needs_approval and seen.approved_by is None:
        raise ControlRefused(
            f"in live another operator approves the matrix {seen.new[:12]} before you save it",
            code="approval_required",
            remedy=f'ask another operator to run: peak matrix approve {seen.new[:12]} --reason "..."',
            digest=seen.new,
        )


def _lint_failed(seen: Preview) -> ConfigInvalid:
    own = [one for one in seen.checked.findings if one.severity is Severity.ERROR]
    errors = [*own, *seen.checked.elsewhere]
    first = errors[0]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return ConfigInvalid(
        f"{first.file}:{first.line}: {first.message}{more}",
        code="lint_failed",
        remedy=first.remedy or "mend what lint says, then save again",
        findings=[one.as_dict() for one in (*seen.checked.findings, *seen.checked.elsewhere)],
    )


def _unconfirmed(open_concerns: list[Concern]) -> ControlRefused:
    return ControlRefused(
        "; ".join(one.message for one in open_concerns),
        code="confirmation_needed",
        remedy=f"if that is right, confirm it: --confirm {CONFIRM_WORD}",
        concerns=[
            {"code": one.code, "message": one.message, "figures": dict(one.figures)} for one in open_concerns
        ],
    )


def _approved_by(ws: Workspace, digest: str, now: datetime, operator: str | None) -> str | None:
    """Who approved a matrix, besides ``operator``."""
    standing = approvals_of(ws).approving(digest, iso(now), besides=operator or "")
    return standing[0].operator if standing else None


def _refuse_apart(target: Target) -> None:
    if target.kind in WRITTEN_APART:
        raise UsageWrong(
            f"{target.path} is signed as a whole and never edited as text",
            code="written_apart",
            remedy='write it: peak lock write; go back: peak lock rollback previous --reason "..."',
        )


def _data(text: str) -> bytes:
    try:
        data = bytes_of(text)
    except UnicodeEncodeError as error:
        raise UsageWrong(
            "the text holds characters that no file can hold",
            code="text_not_utf8",
            remedy=f"take out what stands at character {error.start + 1}",
        ) from error
    if len(data) > MAX_BYTES:
        raise UsageWrong(
            f"the text has {len(data):,} bytes; a config has at most {MAX_BYTES:,}",
            code="text_too_large",
            remedy="make it shorter",
        )
    return data


# -- carrying it out


def _keep(ws: Workspace, change: Change) -> None:
    """Keep both texts by digest, so that the change can be read and undone; raises ``EnvironmentUnfit``."""
    suffix = PurePosixPath(change.target.path).suffix
    old = read_standing(ws, change.target).text
    try:
        for one in (old, change.text):
            if one is not None:
                keep_text(ws, change.target.kind, suffix, bytes_of(one))
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise EnvironmentUnfit(
            f"the text could not be kept in audits/versions: {error.strerror or error}",
            code="disk_full" if full else "versions_unwritable",
            remedy="make room or mend the folder's permissions; nothing was changed and the draft is kept",
        ) from error


def _event(change: Change, seen: Preview, why: str, signer: str) -> EventDraft:
    target = change.target
    kind = _KINDS.get(target.kind, EventKind.CONFIG_CHANGED)
    diff = plain(seen.diff)
    body: dict[str, Any] = {
        "path": target.path,
        "kind": target.kind,
        "old": seen.base,
        "new": seen.new,
        "diff": diff[:DIFF_LIMIT],
        "keys": [{"key": one.key, "old": one.old, "new": one.new} for one in seen.keys[:_KEYS_LIMIT]],
        "reason": why,
        "operator": signer,
    }
    if len(diff) > DIFF_LIMIT:
        body["diff_cut"] = True
    if seen.concerns:
        body["confirmed"] = [one.code for one in seen.concerns]
    if seen.approved_by is not None:
        body["approved_by"] = seen.approved_by
    if change.back:
        body["how"] = ROLLED_BACK
        if kind is EventKind.MATRIX_CHANGED:
            kind = EventKind.MATRIX_ROLLED_BACK
    return EventDraft(new_event_id(secrets.token_bytes), kind.value, body)


def _read_back(ws: Workspace, target: Target, digest: str) -> None:
    found = read_standing(ws, target).digest
    if found != digest:
        raise EnvironmentUnfit(
            f"{target.path} does not read back as it was written",
            code="read_back_differs",
            remedy="somebody else wrote it at the same moment, or the disk fails: look at the file",
            wanted=digest,
            found=found,
        )


def _silent(stage: Stage) -> None:
    """Nobody wants to be told."""
