"""The texts of proofs: written for auditors, read as if an enemy had written them. Pure.

An inclusion proof in plain text is of the form c2sp.org/tlog-proof; its ``extra`` line holds the canonical
JSON of the event's header without its hash, so that the leaf's entry is the SHA-256 of those bytes. There is
no such form for consistency proofs: ours is made the same way. Both have a JSON form as well.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from peak_console.domain.canonical import canonical
from peak_console.domain.events import header_hash
from peak_console.ledger.heads.merkle_proofs import HASH_BYTES, PATH_LIMIT
from peak_console.ledger.heads.notes import NoteMalformed, SignedNote, read_note
from peak_console.ledger.heads.proofs import ConsistencyProof, InclusionProof

INCLUSION_LINE: Final = "c2sp.org/tlog-proof@v1"
"""The first line of an inclusion proof."""

CONSISTENCY_LINE: Final = "peak-console/consistency-proof@v1"
"""The first line of a consistency proof."""

PROOF_LIMIT: Final = 8 * 1024 * 1024
"""The longest file that is read, in bytes: the largest body in JSON and a path fit well."""

_NUMBER_DIGITS: Final = 18
_EXTRA_LIMIT: Final = 64 * 1024

Proof = InclusionProof | ConsistencyProof


class ProofMalformed(ValueError):
    """Bytes that are no proof."""


# -- writing


def as_text(proof: Proof) -> str:
    """The proof's plain text. A body is not part of it."""
    lines = _inclusion_lines(proof) if isinstance(proof, InclusionProof) else _consistency_lines(proof)
    return "\n".join([*lines, "", str(proof.checkpoint)])


def as_document(proof: Proof) -> dict[str, Any]:
    """The proof as a JSON document."""
    checkpoint = str(proof.checkpoint)
    if isinstance(proof, InclusionProof):
        return {
            "proof": "inclusion",
            "index": proof.index,
            "header": None if proof.header is None else dict(proof.header),
            "body": None if proof.body is None else dict(proof.body),
            "path": _encoded_all(proof.path),
            "checkpoint": checkpoint,
        }
    return {
        "proof": "consistency",
        "first": proof.first,
        "first_root": _encoded(proof.first_root),
        "second": proof.second,
        "second_root": _encoded(proof.second_root),
        "path": _encoded_all(proof.path),
        "bridge": _encoded_all(proof.bridge),
        "checkpoint": checkpoint,
    }


def _inclusion_lines(proof: InclusionProof) -> list[str]:
    extra = []
    if proof.header is not None:
        header = {name: value for name, value in proof.header.items() if name != "hash"}
        extra = [f"extra {_encoded(canonical(header))}"]
    return [INCLUSION_LINE, *extra, f"index {proof.index}", *_encoded_all(proof.path)]


def _consistency_lines(proof: ConsistencyProof) -> list[str]:
    return [
        CONSISTENCY_LINE,
        f"first {proof.first} {_encoded(proof.first_root)}",
        f"second {proof.second} {_encoded(proof.second_root)}",
        *_encoded_all(proof.path),
        *(f"bridge {one}" for one in _encoded_all(proof.bridge)),
    ]


# -- reading


def read_proof(data: bytes) -> Proof:
    """The proof in ``data``, of either kind and form; raises :class:`ProofMalformed`."""
    if len(data) > PROOF_LIMIT:
        raise ProofMalformed(f"it is longer than {PROOF_LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofMalformed("it is not UTF-8 text") from None
    if text.lstrip()[:1] == "{":
        return _of_document(data)
    head, gap, note = text.partition("\n\n")
    if not gap:
        raise ProofMalformed("it is neither JSON nor lines, an empty line, and a checkpoint")
    first, *lines = head.split("\n")
    checkpoint = _note(note)
    if first == INCLUSION_LINE:
        return _inclusion_of(lines, checkpoint)
    if first == CONSISTENCY_LINE:
        return _consistency_of(lines, checkpoint)
    raise ProofMalformed(f"its first line is not a proof's: {first!r:.80}")


def _inclusion_of(lines: list[str], checkpoint: SignedNote) -> InclusionProof:
    header = None
    if lines and lines[0].startswith("extra "):
        header = _header_of(lines.pop(0).removeprefix("extra "))
    if not lines:
        raise ProofMalformed("it has no index")
    (index,) = _words(lines[0], "index", 1)
    return InclusionProof(_number(index), _hashes(lines[1:]), checkpoint, header)


def _consistency_of(lines: list[str], checkpoint: SignedNote) -> ConsistencyProof:
    if len(lines) < 2:  # noqa: PLR2004 - first and second
        raise ProofMalformed("it has no first and second size")
    first, first_root = _words(lines[0], "first", 2)
    second, second_root = _words(lines[1], "second", 2)
    bridged = [number for number, line in enumerate(lines) if line.startswith("bridge ")]
    begin = bridged[0] if bridged else len(lines)
    bridge = [_words(line, "bridge", 1)[0] for line in lines[begin:]]
    return ConsistencyProof(
        _number(first),
        _hash(first_root),
        _number(second),
        _hash(second_root),
        _hashes(lines[2:begin]),
        checkpoint,
        _hashes(bridge),
    )


def _header_of(encoded: str) -> dict[str, Any]:
    """The header of an ``extra`` line, with the hash it has."""
    if len(encoded) > _EXTRA_LIMIT:
        raise ProofMalformed("its extra line is too long")
    data = _decoded(encoded)
    header = _object(_json(data), "extra")
    if "hash" in header or _canonical_of(header) != data:
        raise ProofMalformed("its extra line is not the canonical JSON of a header")
    return {**header, "hash": header_hash(header)}


def _of_document(data: bytes) -> Proof:
    document = _object(_json(data), "the document")
    note = document.get("checkpoint")
    if not isinstance(note, str):
        raise ProofMalformed("it has no checkpoint")
    checkpoint = _note(note)
    kind = document.get("proof")
    if kind == "inclusion":
        return InclusionProof(
            _whole(document, "index"),
            _path(document, "path"),
            checkpoint,
            _maybe_object(document, "header"),
            _maybe_object(document, "body"),
        )
    if kind == "consistency":
        return ConsistencyProof(
            _whole(document, "first"),
            _hash(_text(document, "first_root")),
            _whole(document, "second"),
            _hash(_text(document, "second_root")),
            _path(document, "path"),
            checkpoint,
            _path(document, "bridge"),
        )
    raise ProofMalformed("its 'proof' is neither inclusion nor consistency")


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ProofMalformed(f"it is not JSON: {error}") from None


def _canonical_of(header: Mapping[str, Any]) -> bytes:
    try:
        return canonical(dict(header))
    except Exception:  # noqa: BLE001 - whatever has no canonical form is not it
        return b""


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProofMalformed(f"{what} is not a JSON object")
    return value


def _maybe_object(document: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = document.get(name)
    return None if value is None else _object(value, f"its {name}")


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ProofMalformed(f"its {name} is not text")
    return value


def _whole(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 0 <= value < 10**_NUMBER_DIGITS:
        raise ProofMalformed(f"its {name} is not a number of events")
    return value


def _path(document: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ProofMalformed(f"its {name} is not a list of hashes")
    return _hashes(value)


def _words(line: str, name: str, count: int) -> list[str]:
    first, *rest = line.split(" ")
    if first != name or len(rest) != count:
        raise ProofMalformed(f"where its {name} should stand is {line!r:.80}")
    return rest


def _number(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS
    if not plain or (len(text) > 1 and text[0] == "0"):
        raise ProofMalformed(f"not a number of events: {text!r:.40}")
    return int(text)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > PATH_LIMIT:
        raise ProofMalformed(f"a path of {len(lines)} hashes; none has more than {PATH_LIMIT}")
    return tuple(_hash(line) for line in lines)


def _hash(text: str) -> bytes:
    found = _decoded(text)
    if len(found) != HASH_BYTES or _encoded(found) != text:
        raise ProofMalformed(f"not a hash in base64: {text!r:.80}")
    return found


def _note(text: str) -> SignedNote:
    try:
        return read_note(text)
    except NoteMalformed as error:
        raise ProofMalformed(f"its checkpoint is not a signed note: {error}") from None


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _encoded_all(hashes: Sequence[bytes]) -> list[str]:
    return [_encoded(one) for one in hashes]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofMalformed(f"not base64: {text!r:.60}") from None
