"""What the analyst and the advisor of a shadow cycle answer: about the prompt's own bars, varied by the seed.

Recognised by the names of a schema's properties: an outlook has scenarios and triggers of no trade, a
hypothesis a view and a level at which it is wrong. Most answers are sound. Some see no trade, some are of low
confidence, a few are no answer at all or contradict themselves, as it is with real models.
"""

import json
import random
from dataclasses import replace
from typing import Any, Final

from peak_console.simulator.facts import Facts, facts
from peak_console.simulator.fitted import Share, fitted

_OUTLOOK: Final = frozenset({"scenarios", "no_trade_triggers"})
_HYPOTHESIS: Final = frozenset({"view", "invalidation_level"})

_MALFORMED: Final = 0.025
_CONTRARY: Final = 0.03
"""Share of well-formed answers whose content is wrong: a sum that is not 100, a level on the wrong side."""
_VIEWS: Final = {"up": 0.47, "down": 0.43, "none": 0.1}
_STRENGTHS: Final = (Share("low", 25), Share("medium", 55), Share("high", 80))
_HOURS: Final = (4, 6, 8, 12, 24)
_EVIDENCE: Final = (
    "bars: newest close",
    "bars: highest high",
    "bars: lowest low",
    "bars: first close",
    "scenario: range",
    "scenario: upside",
    "scenario: downside",
)
_DOUBTS: Final = (
    "The window is short and holds no scheduled release.",
    "Volume is thin at the edges of the range, so that touches of it say little.",
    "Two of the readings disagree about the direction.",
    "The range leans on few touches of its edges.",
)
_ISSUE: Final = 0.1
_ISSUES: Final = ("Some bars carry no volume.", "The newest bar may not be complete.")
_EDGE: Final = 0.01
"""How far above the highest price the range ends, of its width: the highest price itself is in the range."""
_REASONS: Final = (
    "The price stands at the middle of its range and neither side has an edge.",
    "A trigger of the outlook against acting has been met.",
    "The readings disagree, and the range is too narrow to pay its costs.",
)


def is_idea_schema(schema: dict[str, Any]) -> bool:
    """Whether a schema asks for an outlook or a hypothesis."""
    names = _names(schema)
    return names >= _OUTLOOK or names >= _HYPOTHESIS


def idea(schema: dict[str, Any], prompt: str, draw: random.Random, *, malformed: float = _MALFORMED) -> str:
    """The answer to a prompt that asks for an outlook or a hypothesis in the shape of ``schema``."""
    found = facts(prompt)
    if not found.known:
        found = replace(found, first=1.0, last=1.0, low=1.0, high=1.0)
    content = _outlook(found, draw) if _names(schema) >= _OUTLOOK else _hypothesis(found, draw)
    text = json.dumps(fitted(schema, content, draw))
    return broken(text, draw) if draw.random() < malformed else text


def broken(text: str, draw: random.Random) -> str:
    """``text`` as a model spoils it: in a fence, cut, another object, or talked about."""
    return draw.choice(
        (
            f"Here is the answer you asked for:\n```json\n{text}\n```",
            text[: len(text) // 2],
            '{"answer": "see above"}',
            "The bars speak for waiting, and I would rather not put figures to it.",
        )
    )


def _names(schema: dict[str, Any]) -> frozenset[str]:
    properties = schema.get("properties")
    return frozenset(properties) if isinstance(properties, dict) else frozenset()


def _outlook(found: Facts, draw: random.Random) -> dict[str, Any]:
    base = draw.randrange(35, 61, 5)
    up = draw.randrange(10, 100 - base - 5, 5)
    odds = [base, up, 100 - base - up]
    if draw.random() < _CONTRARY:
        odds[0] += 10
    span = _span(found)
    above, below = found.high + span * draw.uniform(0.05, 0.3), found.low - span * draw.uniform(0.05, 0.3)
    low, high = _price(found.low), _price(found.high + span * _EDGE)
    told = (
        ("range", f"{found.pair} stays between {low} and {high}.", low, high),
        ("upside", f"Acceptance above {high} opens the way to {_price(above)}.", high, None),
        ("downside", f"A close below {low} puts {_price(below)} in reach.", None, low),
    )
    return {
        "instrument": found.pair,
        "summary": _summary(found),
        "scenarios": [
            {"name": one[0], "story": one[1], "closes_from": one[2], "closes_below": one[3]}
            | {"probability_pct": share}
            for one, share in zip(told, odds, strict=True)
        ],
        "uncertainty": " ".join(draw.sample(_DOUBTS, 2)),
        "no_trade_triggers": [
            f"A close above {_price(above)} or below {_price(below)}.",
            draw.choice(("A scheduled release within the horizon.", "Bars without volume.")),
        ],
        "confidence": _strength(draw),
        "data_issues": [draw.choice(_ISSUES)] if draw.random() < _ISSUE else [],
        "reference_level": _price(found.last),
        "horizon_h": draw.choice(_HOURS),
    }


def _hypothesis(found: Facts, draw: random.Random) -> dict[str, Any]:
    view = draw.choices(tuple(_VIEWS), tuple(_VIEWS.values()))[0]
    distance = max(_span(found) * draw.uniform(0.15, 0.6), found.last * 0.0005)
    wrong = -distance if view == "up" else distance
    if draw.random() < _CONTRARY:
        wrong = -wrong
    none = view == "none"
    return {
        "instrument": found.pair,
        "view": view,
        "conviction": _STRENGTHS[0] if none else _strength(draw),
        "confidence": _strength(draw),
        "thesis": _thesis(found, view),
        "evidence_refs": draw.sample(_EVIDENCE, 3),
        "invalidation_level": None if none else _price(found.last + wrong),
        "reference_level": _price(found.last),
        "horizon_h": draw.choice(_HOURS),
        "no_trade_reason": draw.choice(_REASONS) if none else "",
    }


def _thesis(found: Facts, view: str) -> str:
    said = {
        "up": f"Closes hold above {_price(found.middle)}; {_price(found.high)} is the likelier next level.",
        "down": f"Rallies fail below {_price(found.high)}; {_price(found.low)} is the likelier next level.",
        "none": f"The price moves around {_price(found.middle)} without a side that pays.",
    }
    return f"{_summary(found)} {said[view]}"


def _summary(found: Facts) -> str:
    last = f"{found.pair} stands at {_price(found.last)} as of {found.when}"
    return f"{last}, {found.change_pct:+.2f} % over the window."


def _strength(draw: random.Random) -> Share:
    return draw.choices(_STRENGTHS, (12, 58, 30))[0]


def _span(found: Facts) -> float:
    return max(found.high - found.low, found.last * 0.001)


def _price(value: float) -> str:
    """A price as its market writes it."""
    return f"{value:.5f}" if value < 20 else f"{value:.3f}" if value < 1000 else f"{value:.2f}"  # noqa: PLR2004 - currencies, yen and shares, indices
