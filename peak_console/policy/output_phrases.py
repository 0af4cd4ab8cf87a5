"""Orders, changes of limits and switches that are told as sentences, commands or messages. Pure.

A sentence counts where it tells somebody to do it: a verb that begins a clause, how much, and of what. One
that discusses buying, reports it or gives it as an example does not. Every pattern is bounded, and every
match is judged by the :data:`_BEFORE` characters before it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from peak_console.policy.output_types import (
    EXECUTION_COMMAND,
    LIVE_TOGGLE,
    ORDER_PARAMETERS,
    RISK_LIMIT_CHANGE,
)

_BEFORE: Final = 160
_WITHIN: Final = 200
"""Characters within which the parts of an order told by keys without signs stand together."""


class Phrase(NamedTuple):
    """What a phrase is, how that is known, and where it begins."""

    kind: str
    how: str
    at: int


_AMOUNT: Final = (
    r"(?:[$€£][ ]?)?(?:\d[\d,._]{0,15}+[ ]?(?:%|[kKmM]\b|bps\b)?|(?i:all|half|everything|one|two|three|four|"
    r"five|six|seven|eight|nine|ten|twenty|fifty|(?:a[ ])?(?:hundred|thousand|dozen))\b)"
)
_UNIT: Final = (
    r"(?i:(?:mini[ -]|micro[ -]|standard[ ])?"
    r"(?:shares?|lots?|contracts?|units?|coins?|calls?|puts?|eur|usd|gbp|chf|jpy))"
)
_NO_TICKER: Final = (
    r"(?:EMA|SMA|DMA|MA|RSI|MACD|ATR|VWAP|AM|PM|DTE|IV|UTC|GMT|CET|BPS|API|GPU|CPU|GB|MB|TB|PE|EPS|ETF|IPO)"
)
_TICKER: Final = (
    rf"(?!{_NO_TICKER}\b)(?:[$#][A-Za-z]{{1,6}}|[A-Z]{{2,6}}\d{{0,3}}(?:[/.=:_-][A-Z0-9]{{1,6}})?|[A-Z]\d?)"
    r"(?![\w%'])"
)
_FILL: Final = (
    r"(?:(?i:a|an|the|new|another|additional|further|at|up|to|for|of|in|on|by|or|"
    r"market|limit|stop|order|orders|buy|sell|long|short|position|around|about|exactly|approximately|worth)\b"
    r"[ :,]{1,2})"
)
_ORDER: Final = re.compile(
    r"(?<![\w-])(?P<verb>(?i:buy|sell|short|long|purchase|liquidate|go[ ](?:long|short)|"
    r"(?:place|submit|send|enter|open|execute|route|put[ ]in)(?=[ ](?:[a-z]+[ ]){0,4}"
    r"(?:order|buy|sell|long|short|position|trade))))[*_`'\"]{0,3}[ ]{1,3}[*_`'\"]{0,3}"
    rf"{_FILL}{{0,7}}(?:{_AMOUNT}[ ]{{0,2}}(?:x[ ]|of[ ]|the[ ]){{0,2}}"
    rf"(?:{_UNIT}\b(?:[ ](?:of|worth[ ]of|in)\b)?|{_TICKER})|{_TICKER}[ ,:(]{{1,3}}(?:x[ ])?{_AMOUNT})"
)
_TOLD: Final = re.compile(
    r"[^.\n]{0,40}?\b(?:was|were|would|is|are|had|has|could|means?|might|signals?)\b", re.IGNORECASE
)

_LIMIT: Final = (
    r"(?:(?:max(?:imum)?|risk|position|drawdown|leverage|loss|exposure|var|notional|concentration|daily|weekly|"
    r"order|size|portfolio|stop[ -]loss)[ -]){1,4}(?:limits?|caps?|thresholds?|ceilings?|maximum)"
    r"|max(?:imum)?[ _-](?:(?:daily|position|order|open)[ _-])?"
    r"(?:drawdown|leverage|loss|exposure|notional|size|positions?|risk)"
)
_LIMITING: Final = re.compile(
    r"(?<![\w-])(?:(?:raise|increase|lift|lower|reduce|cut|loosen|relax|tighten|widen|set|change|move|adjust|"
    r"double|triple|bump|extend|update|reset)[ ]{1,3}(?:(?:the|our|your|its|this|that|all|up)[ ]){0,2}"
    rf"(?:[a-z0-9]{{1,12}}[ ]){{0,2}}?(?:{_LIMIT})\b[^.\n]{{0,60}}?(?:\b(?:to|by|at|from)|=|→|->)[ ]{{0,2}}"
    r"[$€£]?\d"
    r"|(?:remove|disable|suspend|waive|drop|delete|ignore|override|switch[ ]off|turn[ ]off|double|triple)"
    rf"[ ]{{1,3}}(?:(?:the|our|your|its|this|that|all)[ ]){{0,2}}"
    rf"(?:[a-z0-9]{{1,12}}[ ]){{0,2}}?(?:{_LIMIT})\b)",
    re.IGNORECASE,
)

_SWITCHING: Final = re.compile(
    r"(?<![\w-])(?:(?:set|turn|switch|flip|change|put)[ ]{1,3}(?:the[ ])?[`'\"*]{0,2}"
    r"(?:ai_armed|ai_enabled|ai_live|live_trading|live_mode|trading_enabled|armed)[`'\"*]{0,2}[ ]{1,3}"
    r"(?:to[ ]|=[ ]?)?[`'\"*]{0,2}(?:true|on|1|yes|enabled|live)\b"
    r"|(?:enable|activate|turn[ ]on|switch[ ]on|start)[ ]{1,3}(?:the[ ])?live[ ]"
    r"(?:trading|mode|orders?|execution)\b"
    r"|(?:switch|go|change|move)[ ]{1,3}(?:[a-z]{1,12}[ ]){0,3}?to[ ]live(?:[ ](?:mode|trading))?(?![\w-])"
    r"|turn[ ]live[ ]trading[ ]on\b"
    r"|(?:disable|turn[ ]off|switch[ ]off|bypass)[ ]{1,3}(?:the[ ])?"
    r"(?:kill[ -]switch|paper[ ](?:trading|mode)|dry[ -]run|simulation[ ]mode))",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(
    r"(?<![\w-])peak[ ]{1,3}(?:enable[ ][^\n]{0,200}?--confirm\b"
    r"|arm[ ]{1,3}(?:confirm|request|live|--(?!help)\w)|phase[ ]{1,3}promote[ ][^\n]{0,200}?--)",
    re.IGNORECASE,
)

_LEADS: Final = re.compile(
    r"(?:[\s>*_#\-+•\"'`(\[{]|\d{1,2}[.)]|[^\w\s.,]|(?:please|now|then|first|second|next|finally|also|and|so|just|"
    r"immediately|kindly|ok|okay|today|let's|let[ ]us|go[ ]ahead[ ]and|at[ ](?:the[ ])?open)\b,?)*+",
    re.IGNORECASE,
)
_CONDITION: Final = re.compile(
    r"\W{0,8}(?:if|when|once|as soon as|after|on)\b.*(?:,|\bthen)\s*", re.IGNORECASE
)
_TELLING: Final = re.compile(
    r"(?:\b(?:you|desk|trader|bot|executor|gateway|operator)"
    r" (?:must|should|shall|will|need to|have to|can now|are to)"
    r"|\b(?:i|we) (?:recommend|propose|suggest|advise|want|order|instruct)\b[\w ,]{0,24}?(?: to)?"
    r"|\b(?:instruction|order|action)s? (?:is|are) to|\bplease|\blet's|\blet us|\bgo ahead and)"
    r"(?: (?:now|immediately|also|then))?\s*\Z",
    re.IGNORECASE,
)
_EXAMPLE: Final = re.compile(
    r"(?:\be\.g\.|\bi\.e\.|\bfor example|\bfor instance|\bsuch as),?\s*\Z", re.IGNORECASE
)
_CLAUSE: Final = re.compile(r"[\n;:]|[.!?](?=\s)")


def phrases(text: str) -> Iterator[Phrase]:
    """What ``text`` tells somebody to do, in the order of the kinds; at most the first of each."""
    for match in _ORDER.finditer(text):
        if _commands(text, match.start()) and not _TOLD.match(text, match.end()):
            yield Phrase(ORDER_PARAMETERS, "a sentence orders it", match.start())
            yield Phrase(EXECUTION_COMMAND, "a sentence orders it", match.start())
            break
    for match in _LIMITING.finditer(text):
        if _commands(text, match.start()):
            yield Phrase(RISK_LIMIT_CHANGE, "a sentence changes a limit", match.start())
            break
    for match in _SWITCHING.finditer(text):
        if _commands(text, match.start()):
            yield Phrase(LIVE_TOGGLE, "a sentence switches it", match.start())
            break
    command = _COMMAND.search(text)
    if command is not None:
        yield Phrase(LIVE_TOGGLE, "a command with its confirmation", command.start())
        yield Phrase(EXECUTION_COMMAND, "a command with its confirmation", command.start())
    yield from _fix(text)
    yield from _told_by_keys(text)


def _commands(text: str, at: int) -> bool:
    """Whether the verb at ``at`` begins a clause, stands behind a condition, or somebody is told to."""
    before = text[max(0, at - _BEFORE) : at]
    if _ends_with(_EXAMPLE, before, 24):
        return False
    clause = before
    for end in _CLAUSE.finditer(before):
        clause = before[end.end() :]
    if clause is before and at > _BEFORE:
        return _ends_with(_TELLING, before, 80)
    lead = _LEADS.match(clause)
    if lead is not None and lead.end() == len(clause):
        return True
    return _CONDITION.fullmatch(clause) is not None or _ends_with(_TELLING, clause, 80)


def _ends_with(pattern: re.Pattern[str], text: str, most: int) -> bool:
    return pattern.search(text[-most:]) is not None


_FIX_PART: Final = re.compile(
    r"(?:(?<![\w.])|(?<=\^A))(\d{1,4})=([^|^;\n\s<]{1,40})[ \t]{0,2}(?=\||\^A|;|<SOH>|\s|$)", re.IGNORECASE
)
_FIX_ORDERS: Final = frozenset({"D", "G", "E", "AB"})
"""Types of FIX messages that ask for an order; ``F`` and ``q`` cancel."""


def _fix(text: str) -> Iterator[Phrase]:
    """Messages of FIX: a symbol (55, 48), a side (54) and a quantity (38, 152) on one line."""
    line, tags = -1, dict[str, str]()
    for match in _FIX_PART.finditer(text):
        begins = text.rfind("\n", max(0, match.start() - 2_000), match.start())
        if begins != line:
            line, tags = begins, {}
        tags[match[1]] = match[2]
        ordering = tags.get("35") in _FIX_ORDERS
        if ("55" in tags or "48" in tags) and "54" in tags and ("38" in tags or "152" in tags):
            yield Phrase(ORDER_PARAMETERS, "a FIX message", match.start())
            if ordering:
                yield Phrase(EXECUTION_COMMAND, "a FIX message", match.start())
            return
        if tags.get("35") in {"F", "q"} and ("41" in tags or "11" in tags):
            yield Phrase(EXECUTION_COMMAND, "a FIX message", match.start())
            return


_KEYED: Final = re.compile(
    rf"(?<![\w-])(?:(?P<symbol>(?i:symbol|ticker|instrument|pair|asset|isin))[ \t]{{1,4}}{_TICKER}"
    r"|(?P<size>(?i:qty|quantity|size|amount|units|lots|contracts|shares))[ \t]{1,4}\d[\d.,_]{0,15}"
    r"|(?P<side>(?i:side|direction|action))[ \t]{1,4}(?i:buy|sell|long|short)(?![\w-]))"
)


def _told_by_keys(text: str) -> Iterator[Phrase]:
    """``symbol AAPL, qty 5, side buy``: three keys without signs, close to each other."""
    at: dict[str, int] = {}
    for match in _KEYED.finditer(text):
        at[str(match.lastgroup)] = match.start()
        if len(at) == len(_KEYED.groupindex) and match.start() - min(at.values()) <= _WITHIN:
            yield Phrase(ORDER_PARAMETERS, "the keys that stand together", min(at.values()))
            return
