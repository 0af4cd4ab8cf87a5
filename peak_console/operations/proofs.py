"""Proofs for auditors: made from this ledger, judged anywhere; and the head signed now."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.control.keys import KeyStore, KeyUnusable, fingerprint_of, openssh, raw_public
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import NoteKey, NoteMalformed
from peak_console.ledger.heads.proof_texts import (
    PROOF_LIMIT,
    Proof,
    ProofMalformed,
    as_document,
    as_text,
    read_proof,
)
from peak_console.ledger.heads.proofs import Trust, Verdict, judge
from peak_console.ledger.heads.proving import log_key, prove_consistency, prove_inclusion
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.ledger import existing

READ_LIMIT: Final = PROOF_LIMIT + 1
"""How much of a file is read: enough to see that it is too long."""

CHECKPOINT_WAIT_S: Final = 30.0
"""How long a checkpoint that was asked for may take."""

_KEY_LIMIT: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class MadeProof:
    """A proof as it is handed out: its plain text, its JSON document, and the key that it is judged by."""

    text: str
    document: dict[str, Any]
    vkey: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of judging a proof, and by whose key. ``own_key``: it was this workspace's own copy."""

    verdict: Verdict
    key: str
    own_key: bool

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        problems = [{"code": code, "message": what} for code, what in self.verdict.problems]
        return {
            "ok": self.verdict.ok,
            "proof": self.verdict.kind,
            "problems": problems,
            "key": self.key,
            "own_key": self.own_key,
            **self.verdict.facts,
        }


def prove(ws: Workspace, seq: int) -> MadeProof:
    """That event ``seq`` stands in the signed ledger.

    Raises ``UsageWrong`` (``no_such_event``, ``not_checkpointed``), ``LedgerBroken`` where the ledger is not
    the one that was signed, ``LedgerUnavailable``, ``EnvironmentUnfit`` without the workspace's key.
    """
    with LedgerReader(existing(ws).ledger) as reader:
        key = log_key(reader, _own_public(ws))
        (proof,) = prove_inclusion(reader, [seq], CheckpointFiles(ws.checkpoints), key)
    return _made(proof, key)


def consistency(ws: Workspace, first: int, second: int) -> MadeProof:
    """That the ledger of ``second`` events begins with that of ``first``; raises as :func:`prove` does."""
    with LedgerReader(existing(ws).ledger) as reader:
        key = log_key(reader, _own_public(ws))
        proof = prove_consistency(reader, first, second, CheckpointFiles(ws.checkpoints), key)
    return _made(proof, key)


def verify_proof(
    data: bytes, *, key: str | None = None, origin: str | None = None, root: Path | None = None
) -> Judged:
    """Whether the proof in ``data`` holds; nothing but the public key is needed.

    ``key`` is a ``.pub`` file or a verifier key's text; without one it is the key of the workspace here.
    Raises ``UsageWrong`` where that is no key, or there is none.
    """
    trust = _own_trust(root) if key is None else _trust_of(key)
    if origin is not None:
        if trust.origin not in {None, origin}:
            raise UsageWrong(
                "the verifier key is of another log than --origin",
                code="origin_differs",
                remedy="give one of them, or the key of that log",
            )
        trust = Trust(trust.public, origin)
    shown = NoteKey(trust.origin or "key", trust.public)
    name = shown.vkey() if trust.origin else _fingerprint(trust.public)
    try:
        verdict = judge(read_proof(data), trust)
    except ProofMalformed as error:
        verdict = Verdict("unreadable", (("not_a_proof", str(error)),))
    return Judged(verdict, name, key is None)


def checkpoint(ws: Workspace, client: BlockingLedgerClient) -> dict[str, Any]:
    """Have the node sign the head now; gives its notary's status with ``moved``: whether it signed.

    Raises ``EnvironmentUnfit`` when it cannot sign or does not answer.
    """
    existing(ws)
    reply = client.request("checkpoint", deadline_s=CHECKPOINT_WAIT_S)
    return {name: value for name, value in reply.items() if name != "id"}


def write_file(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a proof to a file; raises ``EnvironmentUnfit``, and ``UsageWrong`` for one that is there already.

    ``replace`` takes its place.
    """
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageWrong(
            f"{str(path)[:200]} is there already",
            code="file_exists",
            remedy="name another file, or take its place: --replace",
        ) from error
    except OSError as error:
        raise EnvironmentUnfit(
            f"{path} cannot be written: {error.strerror or error}",
            code="file_unwritable",
            remedy="name another file with --out",
        ) from error


def read_file(path: Path) -> bytes:
    """The bytes of a proof's file, no more than :data:`READ_LIMIT`; raises ``UsageWrong``."""
    return _read(path, READ_LIMIT)


def key_named(named: str) -> Trust:
    """The key that somebody named: a ``.pub`` file, or a verifier key's text; raises ``UsageWrong``."""
    return _trust_of(named)


def _made(proof: Proof, key: NoteKey) -> MadeProof:
    vkey = key.vkey()
    return MadeProof(as_text(proof), {**as_document(proof), "vkey": vkey}, vkey)


def _own_public(ws: Workspace) -> bytes:
    public = KeyStore(ws.keys).raw_public()
    if public is None:
        raise KeyUnusable(
            f"{ws.keys / 'workspace.pub'} is missing",
            remedy="restore workspace.pub from version control",
        )
    return public


def _own_trust(root: Path | None) -> Trust:
    try:
        return Trust(_own_public(find_workspace(root)))
    except PeakError as error:
        raise UsageWrong(
            "no public key was named, and here is no workspace that has one",
            code="key_unnamed",
            remedy="name it: peak ledger verify-proof FILE --key workspace.pub",
        ) from error


def _trust_of(named: str) -> Trust:
    """The key in a file, or the verifier key that the text itself is."""
    path = Path(named)
    text = named
    if "+" not in named or path.is_file():
        text = _read(path, _KEY_LIMIT).decode("utf-8", "replace").strip()
    try:
        if text.startswith("ssh-"):
            return Trust(raw_public(text))
        key = NoteKey.of_vkey(text)
    except (NoteMalformed, KeyUnusable) as error:
        raise UsageWrong(
            f"{named[:80]!r} is no Ed25519 public key: neither an OpenSSH line nor a verifier key",
            code="key_malformed",
            remedy="give the file configs/keys/workspace.pub, or the vkey of: peak ledger checkpoint --json",
        ) from error
    return Trust(key.public, key.name)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageWrong(
            f"{str(path)[:200]!r} cannot be read: {why}",
            code="file_unreadable",
            remedy="name a file that is there",
        ) from error


def _fingerprint(public: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - seldom

    return fingerprint_of(openssh(Ed25519PublicKey.from_public_bytes(public)))
