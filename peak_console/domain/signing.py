"""Signatures as an argument: whoever signs is passed in, so that rooms below know no key files."""

from typing import Protocol


class Signer(Protocol):
    """An Ed25519 key that can sign."""

    @property
    def public(self) -> bytes:
        """The public key's 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature (RFC 8032); the same for the same message."""
        ...
