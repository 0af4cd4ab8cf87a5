"""Checking a lock: its signature, its signer on the ledger, its end, and whether it covers the matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.config.lock import EvidenceKind, Lock, LockFlaw, LockKey
from peak_console.config.lock_places import places_of, unlocked
from peak_console.config.verifying import (
    NEAR_END_DAYS,
    WRITE_REMEDY,
    Standing,
    price_differs,
    registry_differs,
    standing,
    suffices,
    trouble_of,
    why_not,
)
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.locking.entries import slots_of
from peak_console.operations.locking.placing import standing_lock
from peak_console.operations.locking.recorded import LockRecord, record_of, replaced
from peak_console.operations.phase import rules_of

_NOT_CURRENT: Final = LockFlaw.NOT_CURRENT.value


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a lock; ``fatal`` where a model is not verified by it."""

    code: str
    message: str
    remedy: str
    fatal: bool = True

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy, "fatal": self.fatal}


@dataclass(frozen=True, slots=True)
class SlotStanding:
    """What the lock says of a slot's model."""

    key: LockKey
    standing: Standing
    enough: bool
    """Whether it may work in the phase that was asked for."""

    @property
    def name(self) -> str:
        """As people name it."""
        layer, role, provider, model_id = self.key
        return f"{layer}.{role} {provider}:{model_id}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A lock as it stands in a phase."""

    phase: PhaseLevel
    digest: str | None
    signer: str
    expires_at: datetime | None
    recorded: int
    """The event that wrote or put back this very lock, the newest; 0 where none did."""
    slots: tuple[SlotStanding, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong that refuses a call."""
        return not any(one.fatal for one in self.problems)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "ok": self.ok,
            "phase": self.phase.value,
            "digest": self.digest,
            "signer": self.signer or None,
            "expires_at": iso(self.expires_at) if self.expires_at else None,
            "recorded": self.recorded or None,
            "slots": [
                {"slot": one.name, "verified": one.standing.value, "enough": one.enough} for one in self.slots
            ],
            "problems": [one.as_json() for one in self.problems],
        }


def check(ws: Workspace, *, phase: PhaseLevel | None = None, clock: Clock | None = None) -> Checked:
    """The lock of a workspace in its phase, or as ``phase`` would find it.

    Without a lock everything is unverified. Raises ``ConfigInvalid`` where the configs cannot be used, and
    ``EnvironmentUnfit`` where the lock or the ledger cannot be read.
    """
    now = (clock or SystemClock()).now()
    level = phase or rules_of(ws)
    configs = load_configs(ws, phase=level, today=now.date())
    lock, record = standing_lock(ws), record_of(ws)
    judged = record.judged(lock)
    slots = tuple(_slots(configs, judged, level, now))
    if lock is None:
        missing = Problem("missing", "there is no lock of verified models", WRITE_REMEDY)
        return Checked(level, None, "", None, 0, slots, (missing,))
    problems = list(_whole(lock, judged, now))
    if lock.digest != record.digest:
        problems.append(_not_current(ws, lock, record, level))
    if not any(one.fatal for one in problems):
        problems += _of_slots(configs, lock, slots, level, now)
    recorded = record.seq if lock.digest == record.digest else 0
    return Checked(level, lock.digest, lock.signer, lock.expires_at, recorded, slots, tuple(problems))


def _slots(configs: Configs, lock: Lock | None, level: PhaseLevel, now: datetime) -> Iterator[SlotStanding]:
    for slot in slots_of(configs):
        key = (slot.layer, slot.role, slot.provider, slot.model_id)
        model = configs.models.find(slot.provider, slot.model_id)
        price = configs.prices.find(slot.provider, slot.model_id, now.date())
        found = standing(lock, key, model, price, now, places=places_of(configs.matrix, key))
        yield SlotStanding(key, found, suffices(found, level))


def _whole(lock: Lock, judged: Lock | None, now: datetime) -> Iterator[Problem]:
    """What files, then what the ledger has against it; that it is not current is told apart."""
    trouble = trouble_of(lock, now)
    if trouble is None and judged is not None and judged.flaw is not LockFlaw.NOT_CURRENT:
        trouble = trouble_of(judged, now)
    if trouble is not None:
        yield Problem(trouble.code, trouble.message, trouble.remedy)
        return
    if lock.expires_at is not None and lock.expires_at - now <= timedelta(days=NEAR_END_DAYS):
        yield Problem("near_end", f"the lock expires on {iso(lock.expires_at)}", WRITE_REMEDY, fatal=False)


def _of_slots(
    configs: Configs, lock: Lock, slots: tuple[SlotStanding, ...], level: PhaseLevel, now: datetime
) -> Iterator[Problem]:
    """Slots that the lock does not carry: fatal in whichever phase, because that is what is asked here."""
    for one in slots:
        entry = lock.entries.get(one.key)
        if one.standing is Standing.CHANGED and entry is not None:
            provider, model_id = one.key[2:]
            model = configs.models.find(provider, model_id)
            price = configs.prices.find(provider, model_id, now.date())
            places = unlocked(entry, places_of(configs.matrix, one.key))
            what = ["registry entry"] if registry_differs(entry, model) else []
            what += ["price"] if price_differs(entry, price) else []
            what += ["address or deployment"] if places else []
            where = f" (now {places[0].words})" if places else ""
            message = f"{one.name}: another {' and '.join(what)}{where} than when it was verified"
            yield Problem("changed", message, WRITE_REMEDY)
        elif one.standing is Standing.UNVERIFIED:
            yield Problem("unverified", f"{one.name} is not in the lock", f"verify it: {WRITE_REMEDY}")
        elif not one.enough:
            message, remedy = why_not(one.standing, lock, one.key, level, now)
            yield Problem(one.standing.value, message, remedy)
    used = {one.key for one in slots}
    for key, entry in lock.entries.items():
        if key not in used:
            message = f"{entry.name} is in the lock, and the matrix does not use it there"
            yield Problem("unused", message, "leave it, or write a new lock", fatal=False)
    if lock.file is not None and lock.file.lock.matrix_sha256 != configs.digests["matrix"]:
        was, now_is = lock.file.lock.matrix_sha256[:12], configs.digests["matrix"][:12]
        message = f"the lock was written for the matrix {was}; the matrix now is {now_is}"
        yield Problem("other_matrix", message, "its entries count for the slots that they name", fatal=False)


def _not_current(ws: Workspace, lock: Lock, record: LockRecord, level: PhaseLevel) -> Problem:
    """A lock that the ledger does not name: an older one, or one that it never heard of."""
    fatal = level.at_least(PhaseLevel.SHADOW)
    if record.digest is None:
        message = (
            "the ledger names no lock: it has begun anew since this one was written, or nobody recorded it; "
            "from shadow on no lock counts that is not on the ledger"
        )
        return Problem(_NOT_CURRENT, message, _record_again(lock), fatal=fatal)
    known = f"the lock that counts is {record.digest[:12]} (event {record.seq})"
    before = replaced(ws, lock.digest)
    if before is None:
        message = f"the ledger never heard of this lock; {known}"
    else:
        message = (
            f"this is an older lock (event {before.since.seq}), replaced on {before.by.ts} "
            f"by {one_line(before.operator, 60) or 'nobody named'} (event {before.by.seq}); {known}"
        )
    restore = f'put that one back: peak lock rollback {record.digest[:12]} --reason "..."'
    return Problem(_NOT_CURRENT, message, f"{restore}; or {_record_again(lock)}", fatal=fatal)


def _record_again(lock: Lock) -> str:
    return (
        f'if this one is meant: peak lock rollback {lock.digest[:12]} --reason "..." records it; else '
        + WRITE_REMEDY
    )


def evidence_counts(lock: Lock) -> dict[str, int]:
    """How many entries of a lock stand on what."""
    kinds = [one.evidence.kind for one in lock.entries.values()]
    return {kind.value: kinds.count(kind) for kind in EvidenceKind}
