"""Locks for tests: what a matrix uses, verified, signed by a key of the test's own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peak_console.config.configs import Configs
from peak_console.config.lock import (
    FORMAT,
    EvidenceKind,
    Lock,
    LockEntry,
    LockEvidence,
    LockFile,
    LockHead,
)
from peak_console.config.lock_places import places_of
from peak_console.control.keys import KeySigner, openssh
from peak_console.operations.locking.entries import Known, entry_of, slots_of
from peak_console.operations.locking.signing import signed_text

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
"""The private key of ``anna`` in tests that need no key store."""


def evidence_of(kind: str, at: datetime) -> LockEvidence:
    """Evidence of a kind, by anna."""
    digest = "e" * 64 if kind == EvidenceKind.EVAL else None
    return LockEvidence(kind=EvidenceKind(kind), by="anna", at=at, reason="looked at it", digest=digest)


def entries_for(
    configs: Configs, kind: str = "eval", at: datetime = NOW, names: Mapping[str, str] = MappingProxyType({})
) -> tuple[LockEntry, ...]:
    """An entry for each slot of the matrix; ``names`` are snapshots, by model id."""
    found = []
    for slot in slots_of(configs):
        key = (slot.layer, slot.role, slot.provider, slot.model_id)
        model = configs.models.find(slot.provider, slot.model_id)
        price = configs.prices.find(slot.provider, slot.model_id, at.date())
        if model is not None and price is not None:
            known = Known(snapshots=(names[slot.model_id],) if slot.model_id in names else ())
            found.append(
                entry_of(
                    key,
                    model,
                    price,
                    evidence_of(kind, at),
                    places=places_of(configs.matrix, key),
                    known=known,
                )
            )
    return tuple(found)


def lock_file(
    configs: Configs,
    kind: str = "eval",
    at: datetime = NOW,
    names: Mapping[str, str] = MappingProxyType({}),
    **head: object,
) -> LockFile:
    """An unsigned lock for configs, written at a moment for 30 days."""
    values = {
        "format": FORMAT,
        "created_at": at,
        "expires_at": at + timedelta(days=30),
        "signer": "anna",
        "reason": "test",
        "matrix_sha256": configs.digests["matrix"],
        **head,
    }
    return LockFile(lock=LockHead(**values), entry=entries_for(configs, kind, at, names))  # type: ignore[arg-type]


def locked(configs: Configs, kind: str = "eval", at: datetime = NOW) -> Configs:
    """Configs with a sound lock of everything that their matrix uses."""
    return replace(configs, lock=Lock.of(lock_file(configs, kind, at), "d" * 64, None))


def write_lock(root: Path, file: LockFile, key: Ed25519PrivateKey = KEY, name: str = "anna") -> str:
    """Write a lock signed with ``key`` into a workspace, and the public half beside it; gives the text."""
    public = openssh(key.public_key())
    text = signed_text(file, public, KeySigner(key))
    for folder in ("configs/keys", "configs/ai"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / f"configs/keys/{name}.pub").write_text(f"{public} {name}\n", encoding="utf-8")
    (root / "configs/ai/verified_models.lock").write_text(text, encoding="utf-8")
    return text
