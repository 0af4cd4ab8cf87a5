"""Going back to a lock of before: judged by today's rules, recorded, and put in its place whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peak_console.config.lock import Lock
from peak_console.config.verifying import by_ledger, trouble_of
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventKind
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import choose_operator
from peak_console.operations.locking.checking import evidence_counts
from peak_console.operations.locking.placing import lock_bytes, put_in_place, reason_of, standing_lock
from peak_console.operations.locking.recorded import LockRecord, record_of
from peak_console.operations.locking.showing import lock_named


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
    by going back. One that stands there already is recorded, where it is not the one that the ledger named
    last: so a lock counts again after a recovery. Raises ``UsageWrong`` (``nothing_changed``, and as
    ``lock_named``), ``ControlRefused`` (``lock_refused``, and as the node refuses) and ``EnvironmentUnfit``;
    then nothing was changed.
    """
    why = reason_of(reason, "a rollback")
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    here, lock = standing_lock(ws), lock_named(ws, word)
    replaced = None if here is None else here.digest
    record = record_of(ws)
    if replaced == lock.digest == record.digest:
        raise UsageWrong(
            f"the lock {lock.digest[:12]} stands there already",
            code="nothing_changed",
            remedy="name another: peak lock show",
        )
    refuse_unsound(lock, record, clock or SystemClock())
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
        lock_bytes(ws, lock),
        base=replaced,
        kind=EventKind.LOCK_ROLLED_BACK,
        body=body,
        operator=signer,
        store=store,
    )
    return RolledBack(lock, replaced, seq)


def refuse_unsound(lock: Lock, record: LockRecord, clock: Clock) -> None:
    """Raise ``ControlRefused`` (``lock_refused``) for one that would not count as the ledger's newest."""
    judged = by_ledger(lock, record.operators, lock.digest)
    trouble = None if judged is None else trouble_of(judged, clock.now())
    if trouble is not None:
        raise ControlRefused(
            f"the lock {lock.digest[:12]} cannot be put back: {trouble.message}",
            code="lock_refused",
            remedy=trouble.remedy,
        )
