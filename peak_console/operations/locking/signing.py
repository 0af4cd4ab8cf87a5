"""A lock signed by an operator, as the text that its file holds. Pure."""

import tomllib
from decimal import Decimal

from peak_console.config.lock import LockFile, LockSignature
from peak_console.config.lock_text import lock_text, signed_message
from peak_console.domain.signing import Signer


def signed_text(file: LockFile, public: str, signer: Signer) -> str:
    """``file`` with its signer's signature; ``public`` is the key's OpenSSH line.

    What is signed is read back from the text, so that it is what a reader will see.
    """
    unsigned = lock_text(file.model_copy(update={"signature": None}))
    message = signed_message(tomllib.loads(unsigned, parse_float=Decimal))
    signature = LockSignature(key=public, value=signer.sign(message).hex())
    return lock_text(file.model_copy(update={"signature": signature}))
