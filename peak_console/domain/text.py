"""The one door for foreign text: whatever a model, provider or file says is made harmless here."""

import re

# C0 and C1 controls but newline and tab; bidirectional and zero-width controls; line and paragraph
# separators; soft hyphen, Arabic letter mark, Mongolian vowel separator, byte order mark; interlinear
# annotation; tags; lone surrogates.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_REPLACEMENT = "\ufffd"


def plain(untrusted: str) -> str:
    """``untrusted`` with every control, bidirectional and zero-width character replaced by U+FFFD.

    Newlines and tabs stay. The result may hold markup brackets: draw it with a widget that does not
    parse markup.
    """
    return _HOSTILE.sub(_REPLACEMENT, untrusted)


def one_line(untrusted: str, limit: int = 200) -> str:
    """:func:`plain`, on one line, cut to ``limit`` characters with an ellipsis."""
    if len(untrusted) <= limit and untrusted.isascii() and untrusted.isprintable() and " " not in untrusted:
        return untrusted
    text = " ".join(plain(untrusted[: limit * 4]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
