"""Plausible answers: about the prompt's own figures, in the form and size that such work has."""

import random
from enum import StrEnum
from typing import Final

from peak_console.simulator.facts import Facts, facts


class Work(StrEnum):
    """What kind of text is asked for."""

    CHATTER = "chatter"
    RESEARCH = "research"
    OUTLOOK = "outlook"
    ADVICE = "advice"


_SIGNS: Final = (
    (Work.ADVICE, ("trade plan advis", "layer l3")),
    (Work.OUTLOOK, ("market analyst", "market outlook", "layer l2")),
    (Work.RESEARCH, ("research agent", "deep research", "layer l1")),
)
_SCANNED: Final = 3_000


def work_of(system: str, prompt: str) -> Work:
    """The kind of work, by the words of the system prompt, then of the task."""
    for text in (system[:_SCANNED].lower(), prompt[:_SCANNED].lower()):
        for work, signs in _SIGNS:
            if any(sign in text for sign in signs):
                return work
    return Work.CHATTER


def written(system: str, prompt: str, draw: random.Random) -> str:
    """A text in answer to ``prompt``; now and then it says that its confidence is low."""
    found = facts(prompt)
    work = work_of(system, prompt)
    confidence = draw.choices(("low", "medium", "high"), (1, 6, 3))[0]
    parts = [_section(title, stocks, draw, found, confidence) for title, stocks in _FORMS[work]]
    if work is Work.CHATTER and confidence == "low":
        parts.append("Confidence: low. A look at the run's own page would settle it.")
    return "\n\n".join(parts)


def _section(
    title: str,
    stocks: tuple[tuple[int, tuple[str, ...]], ...],
    draw: random.Random,
    found: Facts,
    confidence: str,
) -> str:
    chosen = [one for count, stock in stocks for one in draw.sample(stock, min(count, len(stock)))]
    body = " ".join(_filled(one, draw, found, confidence) for one in chosen)
    return f"{title}\n\n{body}" if title else body


def _filled(sentence: str, draw: random.Random, found: Facts, confidence: str) -> str:
    span = found.high - found.low
    return sentence.format(
        pair=found.pair,
        when=found.when,
        last=f"{found.last:.5f}",
        low=f"{found.low:.5f}",
        high=f"{found.high:.5f}",
        middle=f"{found.middle:.5f}",
        above=f"{found.high + span * draw.uniform(0.05, 0.2):.5f}",
        below=f"{found.low - span * draw.uniform(0.05, 0.2):.5f}",
        change=f"{found.change_pct:+.2f}",
        direction="firmer" if found.change_pct > 0 else "softer",
        side="long" if found.last < found.middle else "short",
        odds=draw.randrange(35, 66, 5),
        hours=draw.choice((4, 6, 8, 12, 24)),
        size=draw.choice(("0.25", "0.50", "0.75")),
        count=draw.randrange(2, 9),
        confidence=confidence,
        reason=_REASONS[confidence],
    )


_CHATTER: Final = (
    "The last {count} runs finished without a policy finding and their artefacts are complete.",
    "Disk use of the workspace is flat; the run folders of the past hours were pruned as configured.",
    "Market data for {pair} reaches until {when}; no gap was seen in the hourly bars.",
    "One fallback was taken in the window and it answered within its deadline.",
    "The day's budget is used as planned and no limit is near.",
    "The change log has {count} new entries; none of them touches the risk gate.",
    "Documentation of the outlook format was checked against the output contract and agrees with it.",
    "No operator action is open. The next hand-over note is due in {hours} hours.",
    "Latency of the small models is within its usual band.",
)
_STATE: Final = (
    "{pair} last traded at {last} as of {when}, {change} % against the start of the window.",
    "The window's range runs from {low} to {high}, with its middle at {middle}.",
    "The tone is {direction} than at the start of the window.",
    "Closes have clustered around {middle}, which speaks for a range rather than a trend.",
    "Volume was uneven: the moves at the edges of the range came on thin bars.",
)
_SCENARIOS: Final = (
    "Base case ({odds} %): the pair stays between {low} and {high} for the next {hours} hours.",
    "Upside: acceptance above {high} would open the way to {above}.",
    "Downside: a close below {low} would put {below} in reach.",
    "A return to {middle} without volume would favour waiting over acting.",
    "If the next session opens inside the range, the base case gains weight.",
)
_DOUBTS: Final = (
    "The window is short and holds no scheduled release; figures outside of it were not used.",
    "Hourly bars hide the path inside of the hour, so that stops near the extremes are optimistic.",
    "The estimate of the range leans on {count} touches of its edges, which is few.",
    "No position data was given; crowding cannot be judged from prices alone.",
    "Confidence is moderate: two of the readings disagree about the direction.",
)
_METHOD: Final = (
    "The hourly bars in the task were read from first to last; nothing else was consulted.",
    "Range, change and middle were computed from the closes and checked against the extremes given.",
    "Each statement below refers to a figure of the task, so that it can be checked.",
    "Bars without volume were left out of the count of touches.",
    "Three earlier windows of the same length were compared where the task carries them.",
)
_EVIDENCE: Final = (
    "E1: last price {last} at {when}, from the table of bars.",
    "E2: extremes {low} and {high}, from the same table.",
    "E3: change over the window {change} %, from its first and last close.",
    "E4: the middle of the range, {middle}, was crossed {count} times.",
    "E5: no bar closed outside of the range between {low} and {high}.",
    "E6: the widest bars lie at the edges of the range, which fits a balanced market.",
)
_PLAN: Final = (
    "Idea: {side} {pair} from {last}, only after the risk gate allows it.",
    "Entry near {last}; target {middle}; the idea is wrong beyond {above} or {below}.",
    "Size: {size} of the usual unit, because the range is not confirmed.",
    "Time limit: {hours} hours; after that the idea lapses and is not renewed.",
    "This is advice. It places no order and asks for none.",
)
_RISKS: Final = (
    "A release outside of the window could gap the pair through {low} or {high}.",
    "Liquidity thins towards the end of the session, and slippage grows with it.",
    "The reward stands against a stop beyond the extremes at about {odds} to 100.",
    "The plan depends on the range holding; a close outside of it ends the plan.",
    "Correlated exposure is not known here and has to be checked by the gate.",
)

_SUMMARY: Final = (
    "{pair} is {direction} over the window and stands at {last}; confidence is {confidence}: {reason}.",
)
_INPUTS: Final = (
    "Instrument {pair}, hourly bars, the last one at {when}; the bars stand in the task.",
    "Lowest price {low}, highest price {high}; no gap was found.",
)
_ACTIONS: Final = (
    "Read the bars from first to last; nothing else was consulted.",
    "Computed the range ({low} to {high}), its middle ({middle}) and the change ({change} %).",
    "Checked each figure against the table before it was used.",
)
_SOURCES: Final = (
    "[1] Hourly bars of {pair} as given in the task, until {when}.",
    "[2] The question as given in the task.",
)
_HANDOFF: Final = (
    "The next layer may use the range and the change; it should not use the scenarios as a signal.",
    "Check again after {hours} hours, or after a close outside of {low} to {high}.",
    "The critic should look first at the count of touches and at the range.",
)

_Section = tuple[str, tuple[tuple[int, tuple[str, ...]], ...]]
_SIX: Final = (
    "## Summary",
    "## Inputs",
    "## Actions",
    "## Outputs/Artifacts",
    "## Risks & Open Questions",
    "## Next Step (handoff)",
)


def _six(*stocks: tuple[tuple[int, tuple[str, ...]], ...]) -> tuple[_Section, ...]:
    return tuple(zip(_SIX, stocks, strict=True))


_FORMS: Final[dict[Work, tuple[_Section, ...]]] = {
    Work.CHATTER: (("", ((5, _CHATTER),)),),
    Work.RESEARCH: _six(
        ((1, _SUMMARY), (2, _STATE)),
        ((2, _SOURCES), (1, _INPUTS)),
        ((5, _METHOD),),
        ((6, _EVIDENCE), (3, _STATE), (3, _SCENARIOS)),
        ((4, _DOUBTS),),
        ((2, _HANDOFF),),
    ),
    Work.OUTLOOK: _six(
        ((1, _SUMMARY), (1, _STATE)),
        ((2, _INPUTS),),
        ((3, _ACTIONS),),
        ((3, _STATE), (4, _SCENARIOS)),
        ((3, _DOUBTS),),
        ((2, _HANDOFF),),
    ),
    Work.ADVICE: _six(
        ((1, _SUMMARY), (1, _PLAN)),
        ((2, _INPUTS),),
        ((2, _ACTIONS), (1, _STATE)),
        ((5, _PLAN),),
        ((4, _RISKS),),
        ((2, _HANDOFF),),
    ),
}
_REASONS: Final = {
    "low": "the window holds too few touches of the range's edges",
    "medium": "two of the readings disagree about the direction",
    "high": "all readings agree",
}
