"""Confirm tokens of arming: 50 random bits that are shown once, typed once and kept nowhere. Pure.

Written as ten characters of Crockford's base32 and his check symbol (https://www.crockford.com/base32.html),
in two groups. What is kept is a digest that is bound to one request, under the configs, the node's session
and the epoch of that moment: a token answers nothing else.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from peak_console.domain.ids import RandomBytes

BITS: Final = 50
"""Random bits of a token."""

_LENGTH: Final = 10
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKS: Final = _DIGITS + "*~$=U"
_ALIKE: Final = str.maketrans("ILO", "110", "- \t\r\n")
_DOMAIN: Final = b"peak-console/arm-token/v1"
_READ_AT_MOST: Final = 64
_NOTHING: Final = "0" * _LENGTH


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token is for: it confirms this request, while all of this is as it was."""

    request_id: str
    binding: str
    """Digest over the configs in force."""
    session: str
    """The node's."""
    epoch: int
    """Moves whenever posture, phase, configs or breakers change."""


def new_token(random: RandomBytes) -> str:
    """A token as it is shown, ``XXXXX-XXXXXC``."""
    value = int.from_bytes(random(7), "big") >> (56 - BITS)
    text = "".join(_DIGITS[value >> shift & 31] for shift in range(BITS - 5, -1, -5))
    return f"{text[:5]}-{text[5:]}{_check(text)}"


def is_formed(typed: str) -> bool:
    """Whether a text reads as a token: a slip of the hand is found before it costs a try."""
    return _read(typed)[1]


def token_digest(token: str, bound: Bound) -> bytes:
    """What is kept of a token: SHA-256 over its ten characters and all that it is bound to."""
    return _digest(_read(token)[0], bound)


def matches(typed: str, kept: bytes, bound: Bound) -> bool:
    """Whether ``typed`` is the token of which ``kept`` is the digest, in a time that tells nothing of it.

    A malformed text is compared like any other.
    """
    characters, formed = _read(typed)
    same = hmac.compare_digest(_digest(characters, bound), kept)
    return same and formed


def _read(typed: str) -> tuple[str, bool]:
    """The ten characters and whether they are ten with their check; lower case and look-alikes are taken."""
    text = typed[:_READ_AT_MOST].upper().translate(_ALIKE)
    padded = text.ljust(_LENGTH + 1)
    digits = "".join(one if one in _DIGITS else "0" for one in padded[:_LENGTH])
    checked = padded[_LENGTH] == _check(digits)  # always, so that a malformed text takes as long
    formed = checked and len(typed) <= _READ_AT_MOST and text[:_LENGTH] == digits and len(text) == _LENGTH + 1
    return (digits, True) if formed else (_NOTHING, False)


def _check(text: str) -> str:
    value = 0
    for one in text:
        value = value << 5 | _DIGITS.index(one)
    return _CHECKS[value % 37]


def _digest(characters: str, bound: Bound) -> bytes:
    hashed = hashlib.sha256()
    parts = (characters, bound.request_id, bound.binding, bound.session, str(bound.epoch))
    for part in (_DOMAIN, *(part.encode("utf-8", "surrogatepass") for part in parts)):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return hashed.digest()
