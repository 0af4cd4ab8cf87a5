"""The hard deny (decision 7): nothing whose name contains ``claude`` or ``anthropic``.

It lives in code and no file or variable can switch it off. It is asked when the matrix is loaded, by the
client before each attempt and on each response's model name and redirect, and by the linter. "Contains" is
meant literally, on the skeleton of the name, so a word that contains another ("philanthropic") is denied as
well: a name can be changed, a breach cannot.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from peak_console.domain.text import one_line
from peak_console.policy.skeleton import LIMIT, Undecidable, decoded, skeleton, word_pattern

WORDS: Final = ("anthropic", "claude")
"""What no name may contain."""

_RULES: Final = {
    "provider": "forbidden_provider",
    "model_id": "forbidden_model",
    "family": "forbidden_model",
    "deployment": "forbidden_model",
    "base_url": "forbidden_base_url",
    "served_model": "forbidden_model",
    "redirect": "forbidden_base_url",
}
_PATTERNS: Final = {word: word_pattern(word) for word in WORDS}
_SYMBOLS: Final = re.compile("[A-Z]+")
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a name is refused: the rule (a ``CallReason`` value), the field, its text made plain, a message."""

    rule: str
    field: str
    subject: str
    message: str


def hard_deny(
    *, provider: str = "", model_id: str = "", family: str = "", deployment: str = "", base_url: str = ""
) -> Denial | None:
    """The first denial among a candidate's names, or ``None`` when none of them is forbidden.

    ``None`` and the empty text count as absent. Anything that cannot be judged (no text at all, too long,
    encoded too often) is denied. Never raises.
    """
    return (
        _deny("provider", provider)
        or _deny("model_id", model_id)
        or _deny("family", family)
        or _deny("deployment", deployment)
        or _deny("base_url", base_url)
    )


def deny_echo(model_name: str | None) -> Denial | None:
    """The denial of the model name that a response reports; ``None`` where it reports none."""
    return _deny("served_model", model_name)


def deny_redirect(url: str | None) -> Denial | None:
    """The denial of a redirect's target (redirects are recorded, never followed)."""
    return _deny("redirect", url)


def _deny(field: str, value: object) -> Denial | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return _denial(field, type(value).__name__, "is not text and cannot be judged")
    if len(value) > LIMIT:
        # before the cache, which must not hold what a provider may send by the megabyte
        return _denial(field, value, f"cannot be judged: it is longer than {LIMIT} characters")
    return _judged(field, value) if value else None


@lru_cache(maxsize=4096)
def _judged(field: str, value: str) -> Denial | None:
    try:
        word = _word_in(value)
    except Undecidable as why:
        return _denial(field, value, f"cannot be judged: {why}")
    return _denial(field, value, f"contains {word!r}, which is never allowed") if word else None


def _word_in(text: str) -> str | None:
    """The forbidden word that ``text`` contains under any reading; raises ``Undecidable``."""
    for reading in decoded(text):
        bare = skeleton(reading)
        letters = _SYMBOLS.sub("", bare)
        for word, pattern in _PATTERNS.items():
            if pattern.search(letters) or (letters is not bare and pattern.search(bare)):
                return word
    return None


def _denial(field: str, subject: str, why: str) -> Denial:
    shown = one_line(subject, _SHOWN)
    return Denial(_RULES[field], field, shown, f"{field} {shown!r} {why}")
