"""DSSE envelopes: bytes under a signature that binds their type too.

Format: the protocol of secure-systems-lab/dsse v1.0.2, one Ed25519 signature; ``keyid`` is the SHA-256 of the
public key's 32 bytes, in hexadecimal.
"""

import base64
import binascii
import hashlib
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from peak_console.domain.canonical import canonical
from peak_console.domain.signing import Signer

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""The type of every payload here: an in-toto statement."""


class EnvelopeWrong(ValueError):
    """A text that is no envelope of this type, or one that the key did not sign."""


def key_id(public: bytes) -> str:
    """The name of a key in an envelope."""
    return hashlib.sha256(public).hexdigest()


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, signer: Signer) -> bytes:
    """The envelope around ``payload``, as canonical JSON."""
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return canonical(
        {
            "payload": _encoded(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key_id(signer.public), "sig": _encoded(signature)}],
        }
    )


def unseal(envelope: bytes, public: bytes) -> bytes:
    """The payload of an envelope that ``public`` signed; raises :class:`EnvelopeWrong`."""
    fields = _object(envelope)
    if fields.get("payloadType") != PAYLOAD_TYPE:
        raise EnvelopeWrong(f"its payload is not of the type {PAYLOAD_TYPE}")
    payload = _decoded(fields.get("payload"))
    signatures = fields.get("signatures")
    named = [one for one in signatures if isinstance(one, dict)] if isinstance(signatures, list) else []
    ours = [one for one in named if one.get("keyid") == key_id(public)]
    if not ours:
        raise EnvelopeWrong("it is not signed by this key")
    message = pae(PAYLOAD_TYPE, payload)
    if not any(_holds(public, _decoded(one.get("sig")), message) for one in ours):
        raise EnvelopeWrong("its signature does not hold")
    return payload


def signers_of(envelope: bytes) -> tuple[str, ...]:
    """The ids of the keys that an envelope claims; nothing of it is proved. Raises :class:`EnvelopeWrong`."""
    signatures = _object(envelope).get("signatures")
    found = signatures if isinstance(signatures, list) else []
    return tuple(str(one.get("keyid")) for one in found if isinstance(one, dict))


def _object(envelope: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(envelope)
    except orjson.JSONDecodeError as error:
        raise EnvelopeWrong("it is not JSON") from error
    if not isinstance(fields, dict):
        raise EnvelopeWrong("it is not a JSON object")
    return fields


def _holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str):
        raise EnvelopeWrong("payload and signatures are base64 texts")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeWrong("payload and signatures are base64 texts") from error
