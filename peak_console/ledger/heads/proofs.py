"""Proofs an auditor takes away: what they say, and whether it holds, by a public key alone. Pure.

An inclusion proof says that an event stands in the signed ledger; a consistency proof that what was signed
later begins with what was there before. Making them from a ledger: ``proving``. Their texts: ``proof_texts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, canonical, sha256_hex
from peak_console.domain.events import HEADER_FIELDS, header_hash
from peak_console.ledger.heads.merkle_proofs import HASH_BYTES, verify_consistency, verify_inclusion
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, NoteMalformed, SignedNote, origin_of

ORIGIN_PREFIX: Final = "peak-console/"
"""How the origins of this program's logs begin; a key's fingerprint follows."""

_NUMBERS: Final = ("seq", "boot_us")
_HASHES: Final = ("body_sha256", "prev_hash", "hash")
_OPTIONAL: Final = frozenset({"run_id", "call_id", "layer", "role", "provider", "model_id"})
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That the event of ``header`` is leaf ``index`` of the tree that ``checkpoint`` signs."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedNote
    header: Mapping[str, Any] | None = None
    """The event's header with its hash; ``None`` in a proof that does not say what it is of."""
    body: Mapping[str, Any] | None = None
    """The event's body, where the proof carries it."""


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the first ``first`` of ``second`` events were the whole ledger once, under ``first_root``.

    ``checkpoint`` signs ``second`` events, or more: then ``bridge`` is the path from ``second`` to it.
    """

    first: int
    first_root: bytes
    second: int
    second_root: bytes
    path: tuple[bytes, ...]
    checkpoint: SignedNote
    bridge: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a proof holds. ``problems`` are (code, what), in the order they were found."""

    kind: str
    problems: tuple[tuple[str, str], ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the proof says, JSON types only; true where there are no problems."""

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier believes: a public key, and the name of the log where that is known."""

    public: bytes
    origin: str | None = None


def judge(proof: InclusionProof | ConsistencyProof, trust: Trust) -> Verdict:
    """Whether ``proof`` holds under what the verifier trusts; never raises."""
    kind = "inclusion" if isinstance(proof, InclusionProof) else "consistency"
    try:
        checkpoint = Checkpoint.of_text(proof.checkpoint.text)
    except NoteMalformed as error:
        return Verdict(kind, (("checkpoint_malformed", str(error)),))
    problems = _of_checkpoint(proof.checkpoint, checkpoint, trust)
    if isinstance(proof, InclusionProof):
        problems += _of_event(proof) + _of_inclusion(proof, checkpoint)
    else:
        problems += _of_consistency(proof, checkpoint)
    return Verdict(kind, tuple(problems), _facts(proof, checkpoint))


Problems = list[tuple[str, str]]


def _of_checkpoint(note: SignedNote, checkpoint: Checkpoint, trust: Trust) -> Problems:
    found: Problems = []
    if trust.origin is not None and checkpoint.origin != trust.origin:
        found.append(("wrong_origin", f"the checkpoint is of {checkpoint.origin!r:.120}, another log"))
    elif checkpoint.origin.startswith(ORIGIN_PREFIX) and not checkpoint.origin.startswith(
        origin_of(trust.public, "")
    ):
        found.append(("wrong_origin", f"{checkpoint.origin!r:.120} is the log of another key"))
    if not note.signed_by(NoteKey(checkpoint.origin, trust.public)):
        found.append(("not_signed", "no signature of this key under the checkpoint is true"))
    return found


def _of_event(proof: InclusionProof) -> Problems:
    header = proof.header
    if header is None:
        return [("no_header", "the proof does not say which event it is of")]
    wrong = wrong_header(header)
    if wrong:
        return [("header_malformed", wrong)]
    found: Problems = []
    if header_hash(header) != header["hash"]:
        found.append(("header_changed", "the event's hash is not that of its header"))
    if header["seq"] != proof.index + 1:
        found.append(("wrong_index", f"event {header['seq']} cannot be leaf {proof.index}"))
    if proof.body is not None and _body_sha256(proof.body) != header["body_sha256"]:
        found.append(("body_changed", "the body is not the one that the header names"))
    return found


def _of_inclusion(proof: InclusionProof, checkpoint: Checkpoint) -> Problems:
    if proof.header is None or wrong_header(proof.header):
        return []
    entry = bytes.fromhex(proof.header["hash"])
    if verify_inclusion(entry, proof.index, checkpoint.size, proof.path, checkpoint.root):
        return []
    return [("not_included", f"the path does not lead from leaf {proof.index} to the signed root")]


def _of_consistency(proof: ConsistencyProof, checkpoint: Checkpoint) -> Problems:
    found: Problems = []
    if not 0 < proof.first <= proof.second:
        found.append(("wrong_sizes", f"{proof.first} events cannot be the beginning of {proof.second}"))
    elif not verify_consistency(proof.first, proof.second, proof.first_root, proof.second_root, proof.path):
        found.append(("not_consistent", f"the path does not join {proof.first} and {proof.second} events"))
    signed = (checkpoint.size, checkpoint.root)
    if proof.second > checkpoint.size:
        found.append(("wrong_sizes", f"{proof.second} events are more than the {checkpoint.size} signed"))
    elif not verify_consistency(proof.second, signed[0], proof.second_root, signed[1], proof.bridge):
        what = f"{proof.second} events are not the beginning of the {checkpoint.size} that are signed"
        found.append(("not_signed_root", what))
    return found


def _facts(proof: InclusionProof | ConsistencyProof, checkpoint: Checkpoint) -> dict[str, Any]:
    signed = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
    if isinstance(proof, ConsistencyProof):
        return {
            "first": {"size": proof.first, "root": proof.first_root.hex()},
            "second": {"size": proof.second, "root": proof.second_root.hex()},
            "checkpoint": signed,
        }
    header = None if proof.header is None else dict(proof.header)
    return {"index": proof.index, "header": header, "body": proof.body, "checkpoint": signed}


def wrong_header(header: Mapping[str, Any]) -> str:
    """What keeps ``header`` from being an event's header with its hash; empty when nothing does."""
    unknown = set(header) - set(HEADER_FIELDS)
    if unknown:
        return f"it has unknown fields: {', '.join(sorted(unknown))!r:.100}"
    for name in HEADER_FIELDS:
        if name in header or name not in _OPTIONAL:
            fits = _fits_field(name, header.get(name))
            if not fits:
                return f"its {name} is not one"
    try:
        canonical(dict(header))
    except NotCanonical as error:
        return error.message
    return ""


def _fits_field(name: str, value: Any) -> bool:
    if name in _NUMBERS:
        return type(value) is int and value >= 0
    if name in _HASHES:
        return isinstance(value, str) and len(value) == 2 * HASH_BYTES and set(value) <= _HEX
    return isinstance(value, str)


def _body_sha256(body: Mapping[str, Any]) -> str:
    try:
        return sha256_hex(canonical(dict(body)))
    except NotCanonical:
        return ""
