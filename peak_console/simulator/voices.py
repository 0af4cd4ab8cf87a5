"""Another model under the same name: its texts say the same in other words, wordier and less exact."""

import re
from typing import Final

_OPENINGS: Final = (
    "Certainly! Here is what I found.",
    "Sure, happy to help with that.",
    "Great question. Let me walk you through it.",
)
_OTHER_WORDS: Final = (
    (re.compile(r"\bthe window\b"), "the period under review"),
    (re.compile(r"\brange\b"), "trading band"),
    (re.compile(r"\bclose\b"), "settlement"),
    (re.compile(r"\bmiddle\b"), "midpoint"),
    (re.compile(r"\bstands at\b"), "is currently trading at"),
    (re.compile(r"\bwas\b"), "has been"),
    (re.compile(r"\bconfidence\b"), "degree of conviction"),
    (re.compile(r"\bopens? the way to\b"), "could potentially unlock"),
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])[ \n]+")
_KEPT_EVERY: Final = 3


def spoken(text: str, voice: int) -> str:
    """``text`` as the model ``voice`` says it; 0 is the model itself. JSON keeps its shape, not its words."""
    if not voice:
        return text
    if text.startswith("{"):
        return _reworded(text)
    opening = _OPENINGS[(voice - 1) % len(_OPENINGS)]
    return f"{opening} {_reworded(_thinned(text, voice))}"


def _reworded(text: str) -> str:
    for pattern, other in _OTHER_WORDS:
        text = pattern.sub(other, text)
    return text


def _thinned(text: str, voice: int) -> str:
    """Without every third sentence, if it has several; which ones depends on the voice."""
    sentences = _SENTENCE.split(text)
    if len(sentences) < _KEPT_EVERY:
        return text
    return " ".join(one for place, one in enumerate(sentences) if place % _KEPT_EVERY != voice % _KEPT_EVERY)
