"""Bad responses on demand: what a broken or hostile provider could send. Each is a named kind.

A fault is asked for by the request header ``x-sim-fault``, by ``[[sim:<kind>]]`` in a message, by
``POST /_sim/fault``, or drawn at random with a rate given at the start.
"""

import random
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

HEADER: Final = "x-sim-fault"
HUGE_BYTES: Final = 10 * 1024 * 1024
_KEYWORD: Final = re.compile(rb"\[\[sim:([a-z_]{1,40})\]\]")


class Fault(StrEnum):
    """Kinds of bad responses."""

    HANG = "hang"
    """Accepted and never answered."""
    DRIP = "drip"
    """Headers at once, then a byte now and then, for ever."""
    RESET = "reset"
    """The connection is cut before the answer."""
    CUT = "cut"
    """The connection is cut in the middle of the answer."""
    HTML = "html"
    """A proxy's HTML page with status 200."""
    HTML_502 = "html_502"
    """A proxy's HTML page with status 502."""
    EMPTY = "empty"
    """Status 200 and no body."""
    TRUNCATED = "truncated"
    """JSON that ends in the middle, under a matching length."""
    WRONG_SHAPE = "wrong_shape"
    """JSON of another form."""
    HUGE = "huge"
    """Ten megabytes of answer."""
    INVALID_UTF8 = "invalid_utf8"
    """Bytes that are no UTF-8."""
    OTHER_MODEL = "other_model"
    """The answer of another model than asked for."""
    FORBIDDEN_ECHO = "forbidden_echo"
    """The answer of a model that policy forbids."""
    NO_USAGE = "no_usage"
    """An answer without a bill."""
    HUGE_BILL = "huge_bill"
    """A bill far above what was asked for."""
    ANSI = "ansi"
    """Terminal escapes, a title change and a hyperlink in the text."""
    MARKUP = "markup"
    """Markup brackets of terminal libraries in the text."""
    BIDI = "bidi"
    """Bidirectional and zero-width characters in the text."""
    FILTERED = "filtered"
    """Withheld by the content filter."""
    LENGTH = "length"
    """Cut at the output limit."""
    REDIRECT = "redirect"
    """A redirect to another path of this server."""
    REDIRECT_FORBIDDEN = "redirect_forbidden"
    """A redirect to an address that policy forbids."""
    RATE_LIMITED = "rate_limited"
    RATE_LIMITED_LONG = "rate_limited_long"
    """A rate limit whose wait fits no deadline."""
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    TIMED_OUT = "timed_out"
    UNAUTHENTICATED = "unauthenticated"
    UNKNOWN_MODEL = "unknown_model"
    CONTEXT_LENGTH = "context_length"


TEXTS: Final[Mapping[Fault, str]] = {
    Fault.ANSI: (
        "\x1b[2J\x1b[31mred\x1b[0m \x1b]0;title\x07 "
        "\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\ \x9b5A \x07"
    ),
    Fault.MARKUP: "[bold red]bold[/bold red] [link=http://example.com]x[/link] [/] [@click=app.quit]y[/] [b",
    Fault.BIDI: "safe \u202eevil\u202c z\u200be\u200dr\u2060o \u2066isolated\u2069",
}
"""Hostile texts, put in front of the answer."""


@dataclass(slots=True)
class Ordered:
    """Faults ordered by hand: a kind for the next ``times`` requests that fit."""

    kind: Fault
    provider: str = ""
    model: str = ""
    times: int = 1

    def fits(self, provider: str, model: str) -> bool:
        """Whether a request is meant."""
        return self.provider in {"", provider} and self.model in {"", model}


@dataclass(slots=True)
class FaultDesk:
    """Decides which fault, if any, a request gets: as asked, as ordered, or as drawn."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    orders: deque[Ordered] = field(default_factory=lambda: deque(maxlen=1000))

    def order(self, ordered: Ordered) -> None:
        """Take an order for coming requests."""
        self.orders.append(ordered)

    def pick(
        self, headers: Mapping[str, str], body: bytes, provider: str, model: str, draw: random.Random
    ) -> Fault | None:
        """The fault of this request, or ``None``; an unknown name is no fault."""
        asked = headers.get(HEADER)
        if asked is None and b"[[sim:" in body and (found := _KEYWORD.search(body)):
            asked = found[1].decode()
        if asked in set(Fault):
            return Fault(asked)
        return self._ordered(provider, model) or self._drawn(draw)

    def _ordered(self, provider: str, model: str) -> Fault | None:
        for one in self.orders:
            if one.fits(provider, model):
                one.times -= 1
                if one.times <= 0:
                    self.orders.remove(one)
                return one.kind
        return None

    def _drawn(self, draw: random.Random) -> Fault | None:
        for kind, rate in self.rates.items():
            if draw.random() < rate:
                return kind
        return None


def rates_from(text: str) -> dict[Fault, float]:
    """``html,ansi=0.05`` as kinds with rates; 1 % where none is given. Raises ``ValueError``."""
    rates: dict[Fault, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = part.partition("=")
        rates[Fault(name)] = float(rate) if rate else 0.01
    return rates
