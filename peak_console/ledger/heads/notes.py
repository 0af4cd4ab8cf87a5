"""Signed notes and checkpoints: the text forms in which a head of the ledger is signed and published.

Formats: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, with Ed25519 signatures. A file of notes holds
them one after the other.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from peak_console.domain.signing import Signer

_ED25519: Final = b"\x01"
"""The signature type of Ed25519 in key ids."""

_DASH: Final = "\u2014 "
_ID_BYTES: Final = 4
_ROOT_BYTES: Final = 32
_SIZE_DIGITS: Final = 18
NOTE_LIMIT: Final = 64 * 1024
"""The longest note that is read, in characters."""


class NoteMalformed(ValueError):
    """A text that is no signed note, or no checkpoint."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key under the name it signs with."""

    name: str
    public: bytes
    """The 32 bytes of an Ed25519 public key."""

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def vkey(self) -> str:
        """The verifier key's text: name, id and key."""
        key = base64.b64encode(_ED25519 + self.public).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def of_vkey(cls, text: str) -> Self:
        """The key of a verifier key's text; raises :class:`NoteMalformed`."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if not name or len(key) != _ROOT_BYTES + 1 or key[:1] != _ED25519:
            raise NoteMalformed("not an Ed25519 verifier key")
        found = cls(name, key[1:])
        if found.key_id.hex() != key_id:
            raise NoteMalformed("the verifier key's id is not that of its key")
        return found


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and the signature lines under it, each as (key name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def __str__(self) -> str:
        """The note as it is published."""
        lines = (f"{_DASH}{name} {_encoded(key_id + one)}\n" for name, key_id, one in self.signatures)
        return f"{self.text}\n{''.join(lines)}"

    def signed_by(self, key: NoteKey) -> bool:
        """Whether a line under the text is a true signature of ``key``."""
        wanted = (key.name, key.key_id)
        return any(
            (name, key_id) == wanted and _is_true(key.public, one, self.text.encode())
            for name, key_id, one in self.signatures
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log, how many events, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"

    def signed(self, signer: Signer) -> SignedNote:
        """The note of this head under its origin's name."""
        key = NoteKey(self.origin, signer.public)
        text = self.text()
        return SignedNote(text, ((key.name, key.key_id, signer.sign(text.encode())),))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The head that a note's text says; extension lines are let be. Raises :class:`NoteMalformed`."""
        origin, *rest = text.split("\n")
        if not origin or len(rest) < 3 or rest[-1]:  # noqa: PLR2004 - size, root, the text's end
            raise NoteMalformed("not a checkpoint: origin, size and root are wanted, a line each")
        size, root = rest[0], _decoded(rest[1])
        plain = size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS
        if not plain or (len(size) > 1 and size[0] == "0"):
            raise NoteMalformed(f"not a checkpoint's size: {size!r:.40}")
        if len(root) != _ROOT_BYTES:
            raise NoteMalformed("the checkpoint's root is not 32 bytes")
        return cls(origin, int(size), root)


def origin_of(public: bytes, genesis_hash: str) -> str:
    """The name of the log that a workspace's key signs and that began with this genesis."""
    key = hashlib.sha256(public).hexdigest()[:16]
    return f"peak-console/{key}/{genesis_hash[:16]}"


def read_note(text: str) -> SignedNote:
    """One note; raises :class:`NoteMalformed`."""
    if len(text) > NOTE_LIMIT:
        raise NoteMalformed(f"longer than {NOTE_LIMIT} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoteMalformed("it is not UTF-8 text") from None
    body, gap, under = text.rpartition(f"\n\n{_DASH}")
    if not gap or not text.endswith("\n"):
        raise NoteMalformed("no signature lines under an empty line")
    lines = f"{_DASH}{under}".split("\n")[:-1]
    return SignedNote(body + "\n", tuple(_signature(line) for line in lines))


def split_notes(text: str) -> Iterator[str]:
    """The notes that follow each other in ``text``; what is left after the last whole one comes last."""
    start, signing = 0, False
    place = 0
    while (end := text.find("\n", place)) >= 0:
        signed_line = text.startswith(_DASH, place)
        if signing and not signed_line:
            yield text[start:place]
            start = place
        signing = signed_line
        place = end + 1
    if signing and not text.startswith(_DASH, place):
        yield text[start:place]
        start = place
    if start < len(text):
        yield text[start:]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    data = _decoded(encoded)
    if not line.startswith(_DASH) or not gap or not name or "+" in name or len(data) <= _ID_BYTES:
        raise NoteMalformed(f"not a signature line: {line!r:.80}")
    return name, data[:_ID_BYTES], data[_ID_BYTES:]


def _is_true(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteMalformed(f"not base64: {text!r:.60}") from None
