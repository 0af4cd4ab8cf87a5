"""Moments on the command line: ``-2h`` is one, and no option."""

import re
from datetime import UTC, datetime, timedelta

import click

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line

_BACK = re.compile(r"-\d+[smhd]")
_AGO = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class MomentCommand(click.Command):
    """Lets ``-2h`` stand as a moment, as an argument or as an option's value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with every such word written out: ``2h ago``."""
        words = [f"{word[1:]} ago" if _BACK.fullmatch(word) else word for word in args]
        return super().parse_args(ctx, words)


def ago_or_time(text: str | None) -> str | None:
    """A time as the ledger writes it, from a UTC time or from how long ago it was (30m, 24h, 7d).

    Raises ``UsageWrong`` for anything else.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return iso(datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]]))
        at = from_iso(text.strip())
        return iso(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise UsageWrong(
            f"{one_line(text, 60)!r} is no time",
            remedy="write 2026-11-22T14:00:00Z, or how long ago: 30m, 24h, 7d",
        ) from error
