"""Whether a model is verified: the lock's soundness, and what it says of a slot's model in a phase. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from peak_console.budget.prices import Price
from peak_console.config.document import Document
from peak_console.config.lock import (
    EvidenceKind,
    Lock,
    LockedPlace,
    LockEntry,
    LockFile,
    LockFlaw,
    LockKey,
    registry_digest,
)
from peak_console.config.lock_places import unlocked
from peak_console.config.lock_text import signed_message
from peak_console.config.registry import ModelEntry
from peak_console.domain.canonical import NotCanonical, sha256_hex
from peak_console.domain.clock import iso
from peak_console.domain.public_keys import bare_key, signed_by
from peak_console.domain.vocabulary import PhaseLevel

NEAR_END_DAYS: Final = 14
"""From this many days before its end on, a lock is reported."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far ahead of ours the clock may be by which a lock was written."""

_WORKSPACE: Final = "workspace"
"""Whose public key names the workspace, in ``configs/keys``."""

WRITE_REMEDY: Final = 'write a new one: peak lock write --reason "..."'
_RESTORE: Final = "put back the last one: peak lock rollback previous, or write a new one: peak lock write"
_PRICES: Final = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cache_read_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "request_usd",
    "hosted_call_usd",
)


class Standing(StrEnum):
    """What the lock says of a model in a slot."""

    VERIFIED = "verified"
    ATTESTED = "attested"
    UNVERIFIED = "unverified"
    CHANGED = "changed"
    EXPIRED = "expired"
    UNSOUND = "unsound"
    UNRECORDED = "unrecorded"
    NO_LOCK = "no_lock"


@dataclass(frozen=True, slots=True)
class LockTrouble:
    """Why a lock does not count: a word, what is wrong, and what an operator does."""

    code: str
    message: str
    remedy: str


# -- the lock as a whole


def judged(document: Document, keys: Mapping[str, str]) -> Lock | None:
    """The lock in a file, with its flaw; ``None`` where there is no file.

    ``keys`` are the public keys of ``configs/keys``, OpenSSH lines by operator.
    """
    if not document.sha256 and (document.trouble is None or document.trouble.rule == "file.missing"):
        return None
    try:
        file = LockFile.model_validate(document.data)
    except ValidationError:
        return Lock.of(None, document.sha256, LockFlaw.MALFORMED)
    if file.lock.expires_at <= file.lock.created_at:
        return Lock.of(file, document.sha256, LockFlaw.MALFORMED)
    return Lock.of(file, document.sha256, _signature_flaw(file, document, keys))


def _signature_flaw(file: LockFile, document: Document, keys: Mapping[str, str]) -> LockFlaw | None:
    if file.signature is None:
        return LockFlaw.UNSIGNED
    line = keys.get(file.lock.signer)
    if line is None:
        return LockFlaw.SIGNER_UNKNOWN
    key = bare_key(line)
    if not key:
        return LockFlaw.SIGNER_KEY_UNREADABLE
    if key != bare_key(file.signature.key):
        return LockFlaw.FOREIGN_KEY
    try:
        message = signed_message(document.data or {})
    except NotCanonical:
        return LockFlaw.MALFORMED
    if not signed_by(key, file.signature.value, message):
        return LockFlaw.ALTERED
    return LockFlaw.FOREIGN_WORKSPACE if file.lock.workspace not in {None, workspace_digest(keys)} else None


def workspace_digest(keys: Mapping[str, str]) -> str:
    """What :attr:`LockHead.workspace` names: a workspace by the public key that it signs with."""
    return sha256_hex(bare_key(keys.get(_WORKSPACE, "")).encode())


def by_ledger(lock: Lock | None, operators: Mapping[str, str], current: str | None) -> Lock | None:
    """A lock as the ledger lets it count: signed by who is enrolled, and the one recorded last.

    ``operators`` are the enrolled ones and their public keys; ``current`` is the digest that the newest
    ``lock.written`` or ``lock.rolled_back`` names, ``None`` where there is none. What files alone say against
    it comes first.
    """
    if lock is None or lock.flaw is not None or lock.file is None or lock.file.signature is None:
        return lock
    known, flaw = operators.get(lock.signer), None
    if known is None:
        flaw = LockFlaw.SIGNER_NOT_ENROLLED
    elif bare_key(known) != bare_key(lock.file.signature.key):
        flaw = LockFlaw.SIGNER_OTHER_KEY
    elif lock.digest != current:
        flaw = LockFlaw.NOT_CURRENT
    return lock if flaw is None else Lock(lock.file, lock.digest, flaw, lock.entries)


def trouble_of(lock: Lock, now: datetime) -> LockTrouble | None:
    """Why a lock does not count at a moment; ``None`` where it does."""
    if lock.flaw is not None:
        return flaw_of(lock.flaw, lock.signer)
    if lock.file is None:  # never without a flaw
        return LockTrouble(LockFlaw.MALFORMED.value, *_FLAWS[LockFlaw.MALFORMED])
    head = lock.file.lock
    if head.created_at > now + CLOCK_SKEW:
        message = f"the lock says it was written on {iso(head.created_at)}, which is yet to come"
        return LockTrouble("not_yet", message, "set this machine's clock right, or " + WRITE_REMEDY)
    if head.expires_at <= now:
        return LockTrouble("expired", f"the lock expired on {iso(head.expires_at)}", WRITE_REMEDY)
    return None


def flaw_of(flaw: LockFlaw, signer: str) -> LockTrouble:
    """A flaw of a lock of a signer, in words."""
    message, remedy = _FLAWS[flaw]
    return LockTrouble(flaw.value, message.format(signer=signer), remedy.format(signer=signer))


def is_current(lock: Lock | None, now: datetime) -> bool:
    """Whether ``now`` lies between a lock's beginning and its end, whatever else is wrong with it."""
    if lock is None or lock.file is None:
        return False
    return lock.file.lock.created_at <= now + CLOCK_SKEW and now < lock.file.lock.expires_at


_FLAWS: Final[Mapping[LockFlaw, tuple[str, str]]] = {
    LockFlaw.MALFORMED: ("the lock is not of the form that a lock has", _RESTORE),
    LockFlaw.UNSIGNED: ("the lock bears no signature", _RESTORE),
    LockFlaw.SIGNER_UNKNOWN: (
        "the lock is signed by {signer}, who has no key in configs/keys",
        "restore configs/keys/{signer}.pub where {signer} still is an operator; else " + WRITE_REMEDY,
    ),
    LockFlaw.SIGNER_KEY_UNREADABLE: (
        "configs/keys/{signer}.pub is no OpenSSH public key, so the lock's signature cannot be checked",
        "restore configs/keys/{signer}.pub from version control",
    ),
    LockFlaw.FOREIGN_KEY: (
        "the lock is signed with another key than configs/keys/{signer}.pub",
        "find out whose key it is; " + WRITE_REMEDY,
    ),
    LockFlaw.ALTERED: (
        "the lock was changed after {signer} signed it: the signature does not hold",
        _RESTORE,
    ),
    LockFlaw.FOREIGN_WORKSPACE: (
        "the lock was written in another workspace than configs/keys/workspace.pub names",
        WRITE_REMEDY,
    ),
    LockFlaw.SIGNER_NOT_ENROLLED: (
        "the lock is signed by {signer}, who is no enrolled operator on the ledger",
        "have an enrolled operator write a new one: peak lock write",
    ),
    LockFlaw.SIGNER_OTHER_KEY: (
        "the lock is signed with another key than {signer} is enrolled with on the ledger",
        "have an enrolled operator write a new one: peak lock write",
    ),
    LockFlaw.NOT_CURRENT: (
        "the lock is not the one that was last written or put back on the ledger",
        "see which that is: peak lock check; then put it back (peak lock rollback) or write a new one",
    ),
}


# -- a model in a slot


def standing(
    lock: Lock | None,
    key: LockKey,
    model: ModelEntry | None,
    price: Price | None,
    now: datetime,
    *,
    places: Iterable[LockedPlace],
) -> Standing:
    """What ``lock`` says at ``now`` of a model in a slot, as registry, prices and ``places`` stand.

    ``places`` are all at which the matrix calls it in that slot: at every one it must have been verified.
    """
    if lock is None:
        return Standing.NO_LOCK
    trouble = trouble_of(lock, now)
    if trouble is not None:
        return of_trouble(trouble)
    entry = lock.entries.get(key)
    if entry is None:
        return Standing.UNVERIFIED
    if registry_differs(entry, model) or price_differs(entry, price) or unlocked(entry, places):
        return Standing.CHANGED
    return Standing.VERIFIED if entry.evidence.kind is EvidenceKind.EVAL else Standing.ATTESTED


def of_trouble(trouble: LockTrouble) -> Standing:
    """What every model is under a lock that does not count."""
    told = {"expired": Standing.EXPIRED, LockFlaw.NOT_CURRENT.value: Standing.UNRECORDED}
    return told.get(trouble.code, Standing.UNSOUND)


def suffices(found: Standing, phase: PhaseLevel) -> bool:
    """Whether a model of that standing may work in a phase (decision 17)."""
    if phase.at_least(PhaseLevel.TESTNET):
        return found is Standing.VERIFIED
    return not phase.at_least(PhaseLevel.SHADOW) or found in {Standing.VERIFIED, Standing.ATTESTED}


def registry_differs(entry: LockEntry, model: ModelEntry | None) -> bool:
    """Whether the registry says something else of the model than when it was locked."""
    return model is None or registry_digest(model) != entry.registry_sha256


def price_differs(entry: LockEntry, price: Price | None) -> bool:
    """Whether the model has another price than when it was locked; where it was read does not matter."""
    return price is None or any(getattr(entry.price, name) != getattr(price, name) for name in _PRICES)


def why_not(
    found: Standing, lock: Lock | None, key: LockKey, phase: PhaseLevel, now: datetime
) -> tuple[str, str]:
    """Why a model of that standing may not work in a phase, and what an operator does."""
    layer, role, provider, model_id = key
    name, slot = f"{provider}:{model_id}", f"{layer}.{role}"
    if found is Standing.NO_LOCK or lock is None:
        return (
            f"{name} is not verified for {slot}: there is no lock of verified models",
            'write one: peak lock write --reason "..." (with --attest "why" where shadow is enough)',
        )
    trouble = trouble_of(lock, now)
    if trouble is not None:
        return f"{name} is not verified for {slot}: {trouble.message}", trouble.remedy
    if found is Standing.CHANGED:
        return (
            f"{name} has another address, registry entry or price than when it was verified for {slot}",
            f"see which: peak lock check; then {WRITE_REMEDY}",
        )
    if found is Standing.ATTESTED:
        return (
            f"{name} is only attested for {slot}, without an eval; {phase} wants evidence of an eval",
            "run its evals and write a new lock, or go back to shadow: peak phase demote",
        )
    return f"{name} is not in the lock for {slot}", f"verify it: {WRITE_REMEDY}"
