"""A lock put in its place: kept by digest, recorded with an operator's proof, then replaced whole.

A death at any step leaves the old file or the new one; at most an event of a lock never in force stays.
"""

import secrets
from typing import Any, Final

from peak_console.config.document import parse_document
from peak_console.config.editing.targets import Target, target_named
from peak_console.config.lock import Lock
from peak_console.config.sources import KEYS, read_keys
from peak_console.config.verifying import judged
from peak_console.config.versions import keep_text, read_version
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved
from peak_console.operations.workbench.files import Replacement, read_standing, saving_alone

NAME: Final = "lock"
"""Under which locks are kept in ``audits/versions``, and the lock's digest is recorded."""

SUFFIX: Final = ".lock"
REASON_LIMIT: Final = 500


def lock_target() -> Target:
    """The lock as a config file."""
    return target_named(NAME)


def reason_of(reason: str, what: str) -> str:
    """The reason as it is recorded; raises ``UsageWrong`` (``reason_missing``)."""
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong(f"{what} needs a reason", code="reason_missing", remedy='add: --reason "..."')
    return why


def standing_lock(ws: Workspace) -> Lock | None:
    """The lock on disk as the road reads it; ``None`` where there is none. Raises ``EnvironmentUnfit``."""
    text = read_standing(ws, lock_target()).text
    return None if text is None else judged_text(ws, text.encode("utf-8", "surrogateescape"))


def kept_lock(ws: Workspace, digest: str) -> tuple[Lock, bytes] | None:
    """A kept lock and its bytes; ``None`` where it is not kept."""
    found = read_version(ws, NAME, digest)
    if found is None:
        return None
    lock = judged_text(ws, found[1])
    return None if lock is None else (lock, found[1])


def lock_bytes(ws: Workspace, lock: Lock) -> bytes:
    """The bytes of a lock that stands in its place or is kept; raises ``EnvironmentUnfit`` where it went."""
    text = read_standing(ws, lock_target()).text
    if text is not None and sha256_hex(data := text.encode("utf-8", "surrogateescape")) == lock.digest:
        return data
    found = read_version(ws, NAME, lock.digest)
    if found is None:
        raise EnvironmentUnfit(
            f"the lock {lock.digest[:12]} went while it was looked at",
            code="lock_unknown",
            remedy="do it again: peak lock show",
        )
    return found[1]


def judged_text(ws: Workspace, data: bytes) -> Lock | None:
    """A lock's bytes judged by the keys that stand in ``configs/keys`` now."""
    return judged(parse_document(data, lock_target().path), read_keys(ws.root / KEYS))


def put_in_place(
    ws: Workspace,
    client: BlockingLedgerClient,
    data: bytes,
    *,
    base: str | None,
    kind: EventKind,
    body: dict[str, Any],
    operator: str,
    store: KeyStore,
) -> int:
    """Record and place a lock's bytes; gives the event's place.

    Where the very bytes stand there already they are recorded, and put there once more.

    ``base`` is the digest of the lock that it follows. Raises ``ControlRefused`` (``file_changed``, or as the
    node refuses) and ``EnvironmentUnfit``; whatever is raised, the old lock stands.
    """
    target = lock_target()
    with saving_alone(ws):
        replacement = Replacement(ws, target)
        replacement.check()
        old = read_standing(ws, target)
        if old.digest != base:
            raise ControlRefused(
                f"{target.path} was changed by somebody else meanwhile",
                code="file_changed",
                remedy="look at it: peak lock show; then do it again",
                base=base,
                disk=old.digest,
            )
        if old.text is not None:
            _keep(ws, old.text.encode("utf-8", "surrogateescape"))
        digest = _keep(ws, data)
        replacement.write(data)
        try:
            draft = EventDraft(new_event_id(secrets.token_bytes), kind.value, body)
            seq = append_proved(client, store, operator, draft)
            replacement.put()
        finally:
            replacement.drop()
        if read_standing(ws, target).digest != digest:
            raise EnvironmentUnfit(
                f"{target.path} is not what was written",
                code="config_unwritable",
                remedy=f'put what event {seq} names back: peak lock rollback {digest[:12]} --reason "..."',
            )
    return seq


def _keep(ws: Workspace, data: bytes) -> str:
    try:
        return keep_text(ws, NAME, SUFFIX, data)
    except OSError as error:
        raise EnvironmentUnfit(
            f"the lock could not be kept in audits/versions: {error.strerror or error}",
            code="versions_unwritable",
            remedy="make room or mend the folder's permissions; nothing was changed",
        ) from error
