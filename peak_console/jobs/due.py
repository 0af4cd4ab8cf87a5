"""When a job is due: from its schedule alone, on UTC instants; no clock and no wake-up changes it.

``every 15m`` counts from 1970 in UTC, so that no restart and no summer time shifts it. ``daily 07:30`` is
once a local day. Cron lines (five fields, as ``crontab(5)`` of Debian has them) are local time of the zone:

- where the hour is given (``30 2 * * *``), a time that exists twice is taken the first time, one that does
  not exist at the first moment after the gap; so it is due once a local day;
- where the hour begins with ``*`` it goes with the sun: an hour that exists twice is counted twice, one
  that does not exist is not missed.

Days are those that fit the day of the month *or* the weekday where both are given; Sunday is 0 and 7.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from peak_console.config.jobs import SCHEDULE, Job
from peak_console.domain.clock import from_unix_us, unix_us
from peak_console.domain.errors import ConfigInvalid

_SECOND_US: Final = 1_000_000
_FORM: Final = re.compile(SCHEDULE)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_HORIZON: Final = timedelta(days=366 * 29)
"""Every date that comes again comes within 28 years; what does not come until then never does."""

_BACK: Final = tuple(timedelta(hours=2**power) for power in range(1, 20))


class Schedule(Protocol):
    """When something is due, in microseconds since 1970."""

    def after(self, moment_us: int) -> int | None:
        """The first due time after ``moment_us``; ``None`` where there is none any more."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Each multiple of a length of time since 1970, in UTC."""

    period_us: int

    def after(self, moment_us: int) -> int | None:
        """The next multiple."""
        return (moment_us // self.period_us + 1) * self.period_us


class Cron:
    """A cron line in a zone. ``naive`` gives the next local time that fits, after a local time or at it."""

    def __init__(self, naive: Callable[[datetime], datetime | None], zone: tzinfo, *, by_sun: bool) -> None:
        self._naive = naive
        self._zone = zone
        self._by_sun = by_sun

    def after(self, moment_us: int) -> int | None:
        """The next due time by the zone's wall clock."""
        found = self._running(moment_us) if self._by_sun else self._once(moment_us)
        return None if found is None else unix_us(found)

    def _once(self, moment_us: int) -> datetime | None:
        """Each local time once: the first of two, and the gap's end for one that does not exist."""
        moment = from_unix_us(moment_us)
        local = moment.astimezone(self._zone).replace(tzinfo=None)
        while (fits := _next(self._naive, local)) is not None:
            found = instant(fits, self._zone)
            if found > moment:
                return found
            local = fits
        return None

    def _running(self, moment_us: int) -> datetime | None:
        """Each instant whose local time fits: between two changes of the offset, local time runs on."""
        begin = from_unix_us(moment_us)
        closed = False
        while True:
            offset = _offset(begin, self._zone)
            local = (begin + offset).replace(tzinfo=None)
            naive = self._naive(local) if closed else _next(self._naive, local)
            if naive is None:
                return None
            found = naive.replace(tzinfo=UTC) - offset
            change = _change(begin, found, self._zone)
            if change is None:
                return found
            begin, closed = change, True


@dataclass(frozen=True, slots=True)
class Dues:
    """The due times of a span, ascending. ``times`` holds all of them, or the newest where there are many."""

    times: tuple[int, ...]
    count: int
    first: int | None = None
    at_least: bool = False
    """Whether there are more than ``count``: nobody counts a year of seconds."""


COUNT_LIMIT: Final = 2_000
"""So many due times of a span are counted; of more it is told that there are at least as many."""


def schedule_of(job: Job) -> Schedule | None:
    """The schedule of a job; ``None`` where it runs when it is asked for.

    Raises ``ConfigInvalid`` (``schedule_unreadable``) for a cron line whose fields are out of their bounds or
    that is never due.
    """
    return None if job.schedule is None else parse_schedule(job.schedule, job.timezone)


@lru_cache(maxsize=512)
def parse_schedule(text: str, timezone: str = "UTC") -> Schedule:
    """The schedule of a text; raises ``ConfigInvalid`` as :func:`schedule_of`, whatever the text is."""
    if not _FORM.fullmatch(text):
        raise _unreadable(text, "it is neither a length, nor a time of day, nor five fields of cron")
    words = text.split()
    if words[0] == "every":
        length = "".join(words[1:])
        return Every(int(length[:-1]) * _UNITS[length[-1]] * _SECOND_US)
    if words[0] == "daily":
        hour, _, minute = words[-1].partition(":")
        words = [str(int(minute)), str(int(hour)), "*", "*", "*"]
    try:
        fits = _matcher(words)
        if fits(datetime(2026, 1, 1)) is None:  # noqa: DTZ001 - local time of no zone in particular
            raise _unreadable(text, "no day fits it")
        return Cron(fits, ZoneInfo(timezone), by_sun=words[1].startswith("*"))
    except (ValueError, LookupError, ArithmeticError, OSError) as error:
        raise _unreadable(text, str(error)) from error


def dues_between(schedule: Schedule, after_us: int, until_us: int, keep: int) -> Dues:
    """What is due after ``after_us`` and not after ``until_us``; of many the newest ``keep``."""
    if isinstance(schedule, Every):
        return _every_between(schedule, after_us, until_us, keep)
    found: list[int] = []
    for due in _walk(schedule, after_us, until_us):
        found.append(due)
        if len(found) >= COUNT_LIMIT:
            newest = _newest(schedule, found[-1], until_us, keep)
            times = (*found, *newest)[-keep:] if keep else ()
            return Dues(times, COUNT_LIMIT, found[0], bool(newest))
    return Dues(tuple(found[-keep:] if keep else ()), len(found), found[0] if found else None)


def instant(local: datetime, zone: tzinfo) -> datetime:
    """The UTC instant of a local time: the first of two, the gap's end where it does not exist."""
    there = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) == local:
        return there
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)  # by the offset after the gap: too early
    change = _change(before - timedelta(hours=1), there + timedelta(hours=1), zone)
    return there if change is None else change


# -- cron lines

_FIELDS: Final = ("minute", "hour", "day", "month", "day_of_week")


def _matcher(words: list[str]) -> Callable[[datetime], datetime | None]:
    """The next local time that fits, at a local time or after it, by APScheduler's fields; in no zone."""
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only where there is a cron line

    fields = dict(zip(_FIELDS, words, strict=True))
    fields["day_of_week"] = _weekdays(fields["day_of_week"])
    both = not (words[2].startswith("*") or words[4].startswith("*"))
    variants = [{**fields, "day": "*"}, {**fields, "day_of_week": "*"}] if both else [fields]
    for one in variants:
        _refuse_odd(one)
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    triggers = [
        CronTrigger(**one, second="0", timezone=UTC, start_date=None, end_date=begun + _HORIZON)
        for one in variants
    ]
    triggers = [one for one in triggers if one.get_next_fire_time(None, begun) is not None]
    for one in triggers:
        one.end_date = None

    def fits(local: datetime) -> datetime | None:
        found = [one.get_next_fire_time(None, local.replace(tzinfo=UTC)) for one in triggers]
        return min((one.replace(tzinfo=None) for one in found if one is not None), default=None)

    return fits


def _refuse_odd(fields: dict[str, str]) -> None:
    """APScheduler knows words that cron does not, such as ``last``; a line means what cron would mean."""
    for name, text in fields.items():
        letters = {word for word in text.replace(",", "-").replace("/", "-").split("-") if word.isalpha()}
        known = set(_DAYS) if name == "day_of_week" else _MONTHS if name == "month" else set()
        if odd := {word.lower() for word in letters} - known:
            raise ValueError(f"{min(odd)} is no {name.replace('_', ' ')}")


_MONTHS: Final = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}


def _weekdays(field: str) -> str:
    """A weekday field by names: to APScheduler 0 is Monday, to cron Sunday (as 7 is)."""
    if field == "*":
        return field
    days: list[str] = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        low = 0 if span == "*" else _weekday(first)
        high = 6 if span == "*" or (step and not dash) else _weekday(last) if dash else low
        if high < low and high == 0:
            high = 7
        if high < low or (step and not int(step)):
            raise ValueError(f"{part} is no span of weekdays")
        days += [_DAYS[one % 7] for one in range(low, high + 1, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _weekday(word: str) -> int:
    if word.lower() in _DAYS:
        return _DAYS.index(word.lower())
    number = int(word)
    if not 0 <= number <= len(_DAYS):
        raise ValueError(f"{word} is no weekday")
    return number


def _unreadable(text: str, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the schedule {text[:60]!r} cannot be read: {why[:160]}",
        code="schedule_unreadable",
        remedy='write "every 15m", "daily 07:30" or a cron line such as "5 * * * 1-5"',
    )


# -- time


def _next(naive: Callable[[datetime], datetime | None], local: datetime) -> datetime | None:
    """The next local time that fits, after ``local``."""
    return naive(local.replace(second=0, microsecond=0, fold=0) + timedelta(minutes=1))


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(begin: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """The first instant after ``begin`` and not after ``end`` with another offset, to the second.

    Steps of a day find each change of a zone: none has two within a day that undo each other.
    """
    offset, low = _offset(begin, zone), begin
    while low < end:
        high = min(low + timedelta(days=1), end)
        if _offset(high, zone) != offset:
            break
        low = high
    else:
        return None
    low_s, high_s = unix_us(low) // _SECOND_US, -(-unix_us(high) // _SECOND_US)
    while high_s - low_s > 1:
        middle = (low_s + high_s) // 2
        if _offset(from_unix_us(middle * _SECOND_US), zone) == offset:
            low_s = middle
        else:
            high_s = middle
    return from_unix_us(high_s * _SECOND_US)


def _walk(schedule: Schedule, after_us: int, until_us: int) -> Iterator[int]:
    due = schedule.after(after_us)
    while due is not None and due <= until_us:
        yield due
        due = schedule.after(due)


def _every_between(schedule: Every, after_us: int, until_us: int, keep: int) -> Dues:
    period = schedule.period_us
    first, last = after_us // period + 1, until_us // period
    count = max(0, last - first + 1)
    kept = range(max(first, last - keep + 1), last + 1)
    return Dues(tuple(one * period for one in kept), count, first * period if count else None)


def _newest(schedule: Schedule, after_us: int, until_us: int, keep: int) -> tuple[int, ...]:
    """The newest due times of a long span, looked for from its end."""
    for back in _BACK:
        begin = max(after_us, until_us - int(back.total_seconds()) * _SECOND_US)
        found = list(_walk(schedule, begin, until_us))
        if len(found) >= keep or begin == after_us:
            return tuple(found[-keep:] if keep else ())
    return ()
