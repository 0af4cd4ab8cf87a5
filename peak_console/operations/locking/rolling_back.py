"""Going back to a lock of before: judged by today's rules, recorded, and put in its place whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peak_console.config.lock import Lock
from peak_console.config.verifying import trouble_of
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventKind
from peak_console.domain.public_keys import bare_key
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import choose_operator
from peak_console.operations.locking.checking import evidence_counts
from peak_console.operations.locking.placing import kept_lock, put_in_place, reason_of, standing_lock
from peak_console.operations.locking.showing import lock_named
from peak_console.operations.operators import enrolled_keys


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A lock that was put back."""

    lock: Lock
    replaced: str | None
    """The digest of the one that stood there."""
    seq: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        ends = self.lock.expires_at
        return {
            "digest": self.lock.digest,
            "replaced": self.replaced,
            "seq": self.seq,
            "signer": self.lock.signer,
            "expires_at": iso(ends) if ends else None,
            "entries": len(self.lock.entries),
        }


def roll_back(
    ws: Workspace,
    client: BlockingLedgerClient,
    word: str,
    *,
    reason: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> RolledBack:
    """Put the lock of ``word`` (a digest, a prefix, ``previous``) back in its place.

    It must be sound, signed by an operator who still is enrolled, and not past its end: an end is not moved
    by going back. Raises ``UsageWrong`` (``nothing_changed``, and as ``lock_named``), ``ControlRefused``
    (``lock_refused``, and as the node refuses) and ``EnvironmentUnfit``; then nothing was changed.
    """
    why = reason_of(reason, "a rollback")
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    here, lock = standing_lock(ws), lock_named(ws, word)
    replaced = None if here is None else here.digest
    kept = kept_lock(ws, lock.digest)
    if replaced == lock.digest or kept is None:
        raise UsageWrong(
            f"the lock {lock.digest[:12]} stands there already",
            code="nothing_changed",
            remedy="name another: peak lock show",
        )
    _refuse(ws, lock, clock or SystemClock())
    body = {
        "digest": lock.digest,
        "previous": replaced,
        "entries": len(lock.entries),
        "expires_at": iso(lock.expires_at) if lock.expires_at else None,
        "evidence": evidence_counts(lock),
        "operator": signer,
        "reason": why,
    }
    seq = put_in_place(
        ws,
        client,
        kept[1],
        base=replaced,
        kind=EventKind.LOCK_ROLLED_BACK,
        body=body,
        operator=signer,
        store=store,
    )
    return RolledBack(lock, replaced, seq)


def _refuse(ws: Workspace, lock: Lock, clock: Clock) -> None:
    trouble = trouble_of(lock, clock.now())
    message, remedy = (trouble.message, trouble.remedy) if trouble else ("", "")
    signature = lock.file.signature if lock.file else None
    known = enrolled_keys(ws).get(lock.signer)
    if not message and (known is None or signature is None or bare_key(known) != bare_key(signature.key)):
        message = f"the lock is signed by {lock.signer}, who is not enrolled with that key any more"
        remedy = 'write a new one: peak lock write --reason "..."'
    if message:
        raise ControlRefused(
            f"the lock {lock.digest[:12]} cannot be put back: {message}", code="lock_refused", remedy=remedy
        )
