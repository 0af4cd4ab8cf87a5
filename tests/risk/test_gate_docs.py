import re
from pathlib import Path

from peak_console.domain.trading import GateReason
from peak_console.risk.intent import NoIntentReason
from peak_console.risk.words import REASON_WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")


def test_every_reason_has_a_row_in_the_order_of_the_vocabulary() -> None:
    """The page tells each reason with its condition, as the gate tells them."""
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE) == [one.value for one in GateReason]


def test_every_reason_has_words() -> None:
    """People are told what a reason means."""
    assert list(REASON_WORDS) == list(GateReason)
    assert len(set(REASON_WORDS.values())) == len(GateReason)


def test_every_way_to_no_intent_is_documented() -> None:
    """Why a hypothesis makes none stands on the page."""
    assert all(f"`{one.value}`" in PAGE for one in NoIntentReason)
