"""Words of a page that its keys do not explain, a line each. Pure."""

from collections.abc import Mapping
from typing import Final

_BOOK: Final = ("book NAME", "a paper account: what its cycles would have bought and sold; no order leaves")
_EVIDENCE: Final = (
    "6.2/10.6",
    "evidence that a rate left its usual one (a logarithm), and where it alarms; near it is watch",
)
_SOD: Final = ("sod_failed", "duties not separate: one model made and checked it, or nothing shows otherwise")
_REPLAYED: Final = ("↺ replayed", "the cycle was run on old bars, as if their time were now: no fresh data")
_STATES: Final = ("not tested", "the lock knows the model, and has no baseline; unknown: it does not know it")
_MORE: Final = ("+2", "two more reasons of the gate: enter shows all of them")

WORDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "shadow": (_BOOK, _EVIDENCE, _SOD, _REPLAYED, _STATES, _MORE),
    "shadow-cycle": (_BOOK, _SOD, _REPLAYED),
    "shadow-model": (_EVIDENCE, _STATES),
}
"""By the page's name."""
