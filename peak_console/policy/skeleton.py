"""The skeleton of an untrusted name: what is left when every disguise of a letter is taken off.

Pure and bounded: a text longer than :data:`LIMIT`, or wrapped in more layers of encoding than :data:`LAYERS`,
is :class:`Undecidable`, and whoever asks must refuse it.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from peak_console.policy.confusables import LOOKALIKES

LIMIT: Final = 2048
"""Characters; no provider has names or addresses near this length."""
LAYERS: Final = 16
"""Rounds of percent- and punycode-decoding."""
_LABEL_LIMIT: Final = 255

_LEET: Final = {"a": "4", "e": "3", "i": "1", "o": "0", "t": "7", "u": "v"}
_SYMBOLS: Final = {"a": "@^", "c": "([{<", "i": "!|\u2223\u23fd\u2502\u2503\u01c0\u05c0", "t": "+"}
_OTHER: Final = "~"
"""Any letter or digit that belongs to neither word: it breaks a word, a separator does not."""
_SILENT: Final = "\u115f\u1160\u3164\uffa0\u2800\u02d0\u30fc\u4e00\u4e3f\u0660\u06f0\u3033"
"""Letters and digits by category that are drawn as nothing, as a dash or as a dot."""

_EITHER: Final = {letters: str(place) for place, letters in enumerate(k for k in LOOKALIKES if len(k) > 1)}


class Undecidable(Exception):
    """A text too long or too deeply encoded to be judged; its message says which."""


def decoded(text: str) -> list[str]:
    """``text`` under NFKD without marks, and every further reading of it.

    Percent-escapes and punycode labels are decoded round by round until nothing changes. Raises
    :class:`Undecidable`.
    """
    if len(text) > LIMIT:
        raise Undecidable(f"longer than {LIMIT} characters")
    readings = [_stripped(text)]
    for _ in range(LAYERS):
        now = readings[-1]
        further = _stripped(_puny(unquote(now) if "%" in now else now))
        if further == now:
            return readings
        readings.append(further)
    raise Undecidable(f"encoded more than {LAYERS} times over")


def skeleton(text: str) -> str:
    """``text`` in the alphabet of the words.

    A letter stands for each look-alike, a capital for each symbol that may be a letter or a separator, a
    digit for each character that may be either of two letters, ``~`` for any other letter or digit. Marks,
    separators and invisible characters are gone.
    """
    if text.isascii():
        return text.translate(_ASCII)
    return unicodedata.normalize("NFKD", text).translate(_FOLD)


def word_pattern(word: str) -> re.Pattern[str]:
    """A pattern that finds ``word`` in a skeleton, at most two symbols between letters: bounded work."""
    between = "[A-Z]{0,2}"
    letters = [_letter(one) for one in word.replace("l", "i")]
    return re.compile(between.join(letters))


def _letter(letter: str) -> str:
    shapes = letter + (letter.upper() if letter in _SYMBOLS else "")
    shapes += "".join(digit for letters, digit in _EITHER.items() if letter in letters)
    # "cl" is drawn like "d"
    return f"(?:[{shapes}]|ci)" if letter == "d" else f"[{shapes}]"


def _stripped(text: str) -> str:
    """NFKD without marks, format and control characters: escapes cannot be broken by what nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    shown = unicodedata.normalize("NFKD", text)
    return "".join(one for one in shown if unicodedata.category(one)[0] not in "MC")


_PUNY = re.compile(r"xn--([a-z0-9-]+)", re.IGNORECASE)


def _puny(text: str) -> str:
    return _PUNY.sub(_puny_label, text) if "--" in text else text


def _puny_label(match: re.Match[str]) -> str:
    label = match[1]
    if len(label) > _LABEL_LIMIT:
        raise Undecidable(f"a punycode label is longer than {_LABEL_LIMIT} characters")
    try:
        return label.encode("ascii").decode("punycode")
    except ValueError:
        return label


class _Fold(dict[int, str | None]):
    """A translation table that decides unknown characters by their category, and keeps none of them.

    Digits of any script count as ours, other letters break a word, everything else vanishes.
    """

    def __missing__(self, point: int) -> str | None:
        char = chr(point)
        category = unicodedata.category(char)
        if category == "Nd":
            return self[ord("0") + unicodedata.digit(char)]
        return _OTHER if category[0] in "LN" and category != "Lm" else None


def _table() -> _Fold:
    table = _Fold()
    for point in range(128):
        char = chr(point)
        table[point] = _OTHER if char.isalnum() else None
    for char in "acdehnoprtu":
        table[ord(char)] = table[ord(char.upper())] = char
    for char in "ilIL":
        table[ord(char)] = "i"
    for letters, points in LOOKALIKES.items():
        shape = letters if len(letters) == 1 else _EITHER[letters]
        table.update(dict.fromkeys((int(point, 16) for point in points.split()), shape))
    for letter, leet in _LEET.items():
        table[ord(leet)] = table[ord(leet.upper())] = letter
    for letter, symbols in _SYMBOLS.items():
        table.update(dict.fromkeys(map(ord, symbols), letter.upper()))
    table.update(dict.fromkeys(map(ord, _SILENT), None))
    return table


_FOLD: Final = _table()
_ASCII: Final = dict(_FOLD)
