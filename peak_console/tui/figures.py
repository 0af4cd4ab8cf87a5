"""How figures read: short, with their unit, "—" where there is none. Pure."""

from datetime import UTC, datetime

from peak_console.domain.money import NANO

NONE = "—"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_THOUSAND, _LAKH, _MILLION, _TEN_MILLION = 1e3, 1e5, 1e6, 1e7
_SHOWS_TEN_THOUSAND = 9_999.5
_UNITS = (("G", 1e9), ("M", _MILLION), ("k", _THOUSAND))
_SHOWS_TEN, _SHOWS_HUNDRED, _SHOWS_THOUSAND, _SHOWS_TWO_MINUTES = 9.95, 99.95, 999.5, 119.5
"""Where a value rounds up to one more digit than its form has."""
_TINY_EUR, _SMALL_EUR, _BIG_EUR = 0.0001, 0.1, 10_000
_TEN, _HUNDRED = 10, 100
_KIB = 1024


def count(value: float | None) -> str:
    """``1,204``; thousands apart, ``12.3k`` from a hundred thousand, ``4.1M`` from ten million."""
    if value is None:
        return NONE
    if value >= _TEN_MILLION:
        return f"{value / _MILLION:.1f}M"
    if value >= _LAKH:
        return f"{value / _THOUSAND:.1f}k" if value < _MILLION else f"{value / _THOUSAND:,.0f}k"
    return f"{value:,.0f}"


def rate(value: float | None) -> str:
    """A rate a minute: one decimal below ten."""
    if value is None:
        return NONE
    return f"{value:.1f}" if 0 < value < _SHOWS_TEN else count(value)


def percent(value: float | None) -> str:
    """``2.3``: one decimal, none from a hundred on; the unit stands in the head."""
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= _SHOWS_HUNDRED else f"{value:.1f}"


def latency(milliseconds: float | None) -> str:
    """``85ms``, ``2.1s``, ``74s``, ``6m12``."""
    if milliseconds is None:
        return NONE
    if milliseconds <= 0:
        return "0"
    if milliseconds < 1:
        return f"{milliseconds:.1f}ms"
    if milliseconds < _SHOWS_THOUSAND:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    if seconds < _SHOWS_TEN:
        return f"{seconds:.1f}s"
    if seconds < _SHOWS_TWO_MINUTES:
        return f"{seconds:.0f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}"


def euros(nano: float | None) -> str:
    """EUR without the sign: two decimals; more below a cent so that small calls are told apart."""
    if nano is None:
        return NONE
    amount = nano / NANO
    if amount == 0:
        return "0.00"
    if abs(amount) < _TINY_EUR:
        return "<.0001" if amount > 0 else ">-.0001"
    if abs(amount) < _SMALL_EUR:
        return f"{amount:.4f}"
    return f"{amount:,.2f}" if abs(amount) < _BIG_EUR else f"{amount:,.0f}"


def axis(value: float) -> str:
    """A plain number for an axis, in five cells: ``0.25``, ``12.5``, ``9,500``, ``80k``, ``1.25M``."""
    if value == 0:
        return "0"
    if value >= _SHOWS_TEN_THOUSAND:
        unit, size = next(one for one in _UNITS if value >= 0.9995 * one[1])
        return f"{value / size:.3g}{unit}"
    if value >= _HUNDRED:
        return count(value)
    return f"{value:.1f}" if value >= _TEN else f"{value:.2f}"


def exact_euros(nano: int | None) -> str:
    """EUR as the ledger holds it, without trailing zeros beyond the cent."""
    if nano is None:
        return NONE
    sign, size = ("-", -nano) if nano < 0 else ("", nano)
    decimals = f"{size % NANO:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{size // NANO:,}.{decimals}"


def brief_euros(nano: int | None) -> str:
    """EUR to the cent, and below one to two significant digits: ``1.20``, ``0.081``, ``0.00080``."""
    if nano is None:
        return NONE
    sign, size = ("-", -nano) if nano < 0 else ("", nano)
    if not size or size >= NANO // 10:
        return f"{sign}{size / NANO:,.2f}"
    places = min(9, len(f"{NANO - 1}") - len(str(size)) + 2)
    return f"{sign}{size / NANO:.{places}f}"


def age(seconds: float | None) -> str:
    """``2s``, ``14m``, ``3h``, ``5d``."""
    if seconds is None:
        return NONE
    if seconds < _MINUTE:
        return f"{int(seconds)}s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)}h"
    return f"{int(seconds // _DAY)}d"


def countdown(seconds: float) -> str:
    """``14:32`` left; never below zero."""
    left = max(0, int(seconds))
    return (
        f"{left // 60}:{left % 60:02d}"
        if left < _HOUR
        else f"{left // _HOUR}:{left // 60 % 60:02d}:{left % 60:02d}"
    )


def duration(seconds: int) -> str:
    """``15 min`` of whole minutes, else ``90 s``."""
    return f"{seconds} s" if seconds % _MINUTE or not seconds else f"{seconds // _MINUTE} min"


def clock(moment: datetime) -> str:
    """``03:12:44Z``."""
    return f"{moment.astimezone(UTC):%H:%M:%S}Z"


def day_and_clock(moment: datetime, now: datetime) -> str:
    """The clock alone today, with the date in front on another day."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return clock(moment) if moment.date() == now.date() else f"{moment:%m-%d %H:%M}Z"


def size(count_of_bytes: int) -> str:
    """``512 B``, ``20 KB``, ``1.4 MB``."""
    if count_of_bytes < _KIB:
        return f"{count_of_bytes} B"
    if count_of_bytes < _KIB**2:
        return f"{count_of_bytes / _KIB:.0f} KB"
    return f"{count_of_bytes / _KIB**2:.1f} MB"
