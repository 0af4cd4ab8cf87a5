"""Signatures checked by a public key alone. The library of keys is loaded when the first one is checked."""

import contextlib


def signed_by(public: str, signature: str, message: bytes) -> bool:
    """Whether a hexadecimal Ed25519 signature (RFC 8032) is over ``message`` under an OpenSSH line's key.

    False for anything malformed.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - seldom needed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key  # noqa: PLC0415 - likewise

    with contextlib.suppress(ValueError, UnsupportedAlgorithm, InvalidSignature):
        key = load_ssh_public_key(public.encode())
        if isinstance(key, Ed25519PublicKey):
            key.verify(bytes.fromhex(signature), message)
            return True
    return False


def bare_key(line: str) -> str:
    """An OpenSSH line's algorithm and key, without its comment; empty where it has not both."""
    words = line.split()
    return " ".join(words[:2]) if len(words) > 1 else ""
