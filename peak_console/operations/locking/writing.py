"""Writing a lock: what the matrix uses, with what the ledger knows of it, signed by an operator."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.config.lock import FORMAT, Lock, LockFile, LockHead, LockKey
from peak_console.config.sources import KEYS, read_keys
from peak_console.config.verifying import workspace_digest
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventKind
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import choose_operator
from peak_console.operations.locking.entries import (
    Drafted,
    Known,
    Wish,
    drafted,
    fingerprint_named,
    refuse_unused,
    slot_named,
    slots_of,
    snapshot_named,
    without_evidence,
)
from peak_console.operations.locking.gathering import beside_of, known_of
from peak_console.operations.locking.placing import (
    REASON_LIMIT,
    put_in_place,
    reason_of,
    standing_lock,
)
from peak_console.operations.locking.signing import signed_text
from peak_console.operations.operators import enrolled_keys
from peak_console.operations.phase import rules_of

EXPIRES_IN: Final = timedelta(days=30)
"""How long a lock holds where nobody says otherwise."""

LONGEST: Final = timedelta(days=366)
WINDOW: Final = timedelta(days=30)
"""How far back the ledger is looked at."""

_NAMED: Final = 5
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What ``peak lock write`` was asked for."""

    reason: str
    attest: str = ""
    slots: Sequence[str] = ()
    snapshots: Sequence[str] = ()
    fingerprints: Sequence[str] = ()
    expires_in: timedelta = EXPIRES_IN
    window: timedelta = WINDOW


@dataclass(frozen=True, slots=True)
class Written:
    """A lock that was written, or would be: ``seq`` is 0 for a rehearsal, and then it is not signed."""

    file: LockFile
    digest: str
    seq: int
    drafted: Drafted
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        head = self.file.lock
        return {
            "digest": self.digest or None,
            "seq": self.seq or None,
            "previous": head.previous,
            "signer": head.signer,
            "expires_at": iso(head.expires_at),
            "matrix_sha256": head.matrix_sha256,
            "entries": [one.model_dump(mode="json", exclude_none=True) for one in self.file.entry],
            "evidence": self.drafted.evidence,
            "left_out": [{"entry": one.name, "why": one.why} for one in self.drafted.left],
            "notes": list(self.notes),
        }


def duration_of(text: str, *, most: timedelta = LONGEST) -> timedelta:
    """``30d``, ``12h``, ``2w`` as a time; raises ``UsageWrong`` (``duration_malformed``)."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text.strip())
    length = int(found[1]) * _UNITS[found[2]] if found else None
    if length is None or length > most:
        raise UsageWrong(
            f"'{text[:40]}' is no length of time up to {most.days} days",
            code="duration_malformed",
            remedy="write hours, days or weeks: 12h, 30d, 4w",
        )
    return length


def rehearse(
    ws: Workspace,
    asked: Asked,
    *,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Written:
    """What :func:`write` would write, unsigned; nothing is changed. Raises as it does."""
    signer = choose_operator(KeyStore(ws.keys, environ), operator)
    return _drafted(ws, asked, signer, (clock or SystemClock()).now())[0]


def write(
    ws: Workspace,
    client: BlockingLedgerClient,
    asked: Asked,
    *,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Written:
    """Write, sign and record a lock for the matrix as it stands.

    Raises ``UsageWrong`` (``reason_missing``, ``no_such_slot``, ``evidence_missing``, …), ``ConfigInvalid``,
    ``ControlRefused`` (``operator_not_enrolled``, ``file_changed``, and as the node refuses) and
    ``EnvironmentUnfit``. Whatever is raised, the old lock stands.
    """
    why = reason_of(asked.reason, "a lock")
    store = KeyStore(ws.keys, environ)
    signer = choose_operator(store, operator)
    public = _enrolled(ws, store, signer)
    draft, old = _drafted(ws, asked, signer, (clock or SystemClock()).now())
    text = signed_text(draft.file, public, store.signer(signer))
    head, digest = draft.file.lock, sha256_hex(text.encode())
    body = {
        "digest": digest,
        "previous": head.previous,
        "entries": len(draft.file.entry),
        "expires_at": iso(head.expires_at),
        "matrix_digest": head.matrix_sha256,
        "evidence": draft.drafted.evidence,
        "attested": one_line(asked.attest, REASON_LIMIT),
        "left_out": [one.name for one in draft.drafted.left][:100],
        "operator": signer,
        "reason": why,
    }
    base = None if old is None else old.digest
    seq = put_in_place(
        ws,
        client,
        text.encode(),
        base=base,
        kind=EventKind.LOCK_WRITTEN,
        body=body,
        operator=signer,
        store=store,
    )
    return Written(draft.file, digest, seq, draft.drafted, draft.notes)


# -- within


def _enrolled(ws: Workspace, store: KeyStore, signer: str) -> str:
    """The signer's public key, which must be the one on the ledger: no other lock would count."""
    public, known = store.public(signer), enrolled_keys(ws).get(signer)
    if public is None or known != public:
        raise ControlRefused(
            f"{signer} is not enrolled with the key that is in configs/keys",
            code="operator_not_enrolled",
            remedy="see who is: peak operator list; enroll: peak operator enroll NAME",
        )
    return public


def _drafted(ws: Workspace, asked: Asked, signer: str, now: datetime) -> tuple[Written, Lock | None]:
    level = rules_of(ws)
    configs = load_configs(ws, phase=level, today=now.date())
    wish = Wish(
        operator=signer,
        at=now,
        attest=one_line(asked.attest, REASON_LIMIT).strip(),
        slots=frozenset(slot_named(one, configs) for one in asked.slots),
        snapshots=tuple(snapshot_named(one, configs) for one in asked.snapshots),
        fingerprints=tuple(fingerprint_named(one, configs) for one in asked.fingerprints),
        learns=not level.at_least(PhaseLevel.SHADOW),
    )
    refuse_unused((*wish.snapshots, *wish.fingerprints), wish.slots, configs)
    old = standing_lock(ws)
    before = dict(old.entries) if old is not None and old.sound else {}
    found = drafted(configs, before, _known(ws, configs, wish, asked.window), wish)
    missing = [one for one in found.left if not wish.slots or _is_asked(one.name, wish)]
    if not found.entries or any(one.why.startswith("no eval") for one in missing):
        raise without_evidence(missing, found.entries)
    notes = _notes(old, found)
    head = LockHead(
        format=FORMAT,
        created_at=now,
        expires_at=_end(now, asked.expires_in, old, found, notes),
        signer=signer,
        reason=one_line(asked.reason, REASON_LIMIT).strip(),
        matrix_sha256=configs.digests["matrix"],
        previous=None if old is None else old.digest,
        workspace=workspace_digest(read_keys(ws.root / KEYS)),
    )
    return Written(LockFile(lock=head, entry=found.entries), "", 0, found, tuple(notes)), old


def _is_asked(name: str, wish: Wish) -> bool:
    return any(name.startswith(f"{layer}.{role} ") for layer, role in wish.slots)


def _known(ws: Workspace, configs: Configs, wish: Wish, window: timedelta) -> dict[LockKey, Known]:
    """What the ledger knows of the slots that are written anew; nothing where it has not begun."""
    if not ws.ledger.exists():
        return {}
    since, found = wish.at - window, dict[LockKey, Known]()
    with LedgerReader(ws.ledger) as reader:
        beside = beside_of(reader, since)
        for slot in slots_of(configs):
            if not wish.slots or (slot.layer, slot.role) in wish.slots:
                key = (slot.layer, slot.role, slot.provider, slot.model_id)
                found[key] = known_of(reader, key, since, beside)
    return found


def _end(
    now: datetime, expires_in: timedelta, old: Lock | None, found: Drafted, notes: list[str]
) -> datetime:
    """The lock's end; entries that were only taken over do not live longer by that."""
    end = now + expires_in
    if found.carried and old is not None and old.expires_at is not None and old.expires_at < end:
        end = old.expires_at
        notes.append("it ends with the lock before it, because entries of that were taken over as they stood")
    if end <= now:
        raise UsageWrong(
            "entries would be taken over from a lock that has expired",
            code="lock_expired",
            remedy="write all slots anew, without --slot",
        )
    return end


def _notes(old: Lock | None, found: Drafted) -> list[str]:
    notes = []
    if old is not None and not old.sound:
        notes.append(f"nothing was taken over from the lock before it, which is not sound ({old.flaw})")
    if found.unseen:
        more = len(found.unseen) - _NAMED
        names = ", ".join(found.unseen[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        notes.append(
            f"no answer of {names} is on the ledger: from shadow on such a model must answer under its own "
            "id; call it before, or name its snapshot with --snapshot"
        )
    return notes
