"""The one door for foreign text: no control, no bidirectional trick and no hidden character gets through."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.text import one_line, plain


@given(st.text())
def test_plain_text_holds_no_control_but_newline_and_tab(text: str) -> None:
    """Whatever comes in, no control or surrogate goes out, and the length stays."""
    result = plain(text)
    assert len(result) == len(text)
    assert not [one for one in result if unicodedata.category(one) in {"Cc", "Cs"} and one not in "\n\t"]


def test_terminal_escapes_and_bidi_are_replaced() -> None:
    """ANSI, OSC, zero-width and right-to-left overrides become U+FFFD."""
    hostile = "\x1b[31mred\x1b]0;title\x07 a\u202eb c\u200bd \u2066e \u009bf \ufeffg"
    assert plain(hostile) == hostile.translate(
        dict.fromkeys([0x1B, 0x07, 0x202E, 0x200B, 0x2066, 0x9B, 0xFEFF], "\ufffd")
    )


def test_ordinary_text_stays() -> None:
    """Letters of any script, emoji and markup brackets are nobody's business here."""
    text = "Grüße, 漢字, עברית, 🚀 [bold]x[/bold]\n\tzweite Zeile"
    assert plain(text) == text


@given(st.text(), st.integers(2, 60))
def test_one_line_is_one_line_and_short(text: str, limit: int) -> None:
    """The result fits and has no line break."""
    result = one_line(text, limit)
    assert len(result) <= limit
    assert len(result.splitlines()) <= 1


def test_a_cut_line_says_so() -> None:
    """An ellipsis stands where text was cut."""
    assert one_line("abcdefgh", 4) == "abc…"
    assert one_line(" a \n b ", 10) == "a b"
