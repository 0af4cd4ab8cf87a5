"""Moments of the past as an operator writes them: times (UTC unless they say otherwise), places, runs."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.replay_clock import ReplaySpan

EXAMPLES: Final = "2026-11-22, 2026-11-22T03:10Z, 03:10, -2h, #184220, or a run's id"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BACK: Final = re.compile(r"-?(\d{1,9})\s*([smhd])(?:\s+ago)?")
_ON: Final = re.compile(r"\+(\d{1,9})\s*([smhd])")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?(Z)?")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACE: Final = re.compile(r"#?([\d,_]{1,20})")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What a word means: a moment, and where it stands for a time of some length, its end."""

    at: datetime
    until: datetime | None = None
    what: str = ""


def read_span(reader: LedgerReader, begin: str, end: str | None, now: datetime) -> ReplaySpan:
    """The part of the ledger from ``begin`` to ``end``; to the last event where nothing says so.

    Raises ``UsageWrong``: what cannot be read, lies outside the ledger's time, or ends before it begins.
    """
    first, last = ledger_times(reader)
    told = read_moment(reader, begin, now)
    start, stop = told.at, told.until or last
    notes = [told.what] if told.what else []
    if end is not None:
        if on := _ON.fullmatch(end.strip()):
            stop = start + _length(on)
        else:
            finish = read_moment(reader, end, now)
            stop = finish.until or finish.at
        if stop < start:
            raise _wrong(
                f"{_shown(end)} is before {_shown(begin)}",
                "replay_backwards",
                "name the earlier moment first",
            )
    if start > last or stop < first:
        raise _wrong(
            f"{_shown(begin)} lies outside the ledger, which goes from {_utc(first)} to {_utc(last)}",
            "replay_outside",
            "name a moment between the two",
        )
    if start < first:
        notes.append(f"the ledger begins at {_utc(first)}")
    return ReplaySpan(max(start, first), min(stop, last), "; ".join(notes))


def ledger_times(reader: LedgerReader) -> tuple[datetime, datetime]:
    """When the ledger's first and last events were written. Raises ``UsageWrong`` for an empty one."""
    first, last = reader.read(0, 1, bodies=False), reader.latest(1, bodies=False)
    if not first or not last:
        raise _wrong("the ledger holds no event yet", "replay_empty", "start the node: peak node start")
    return from_iso(first[0].ts), from_iso(last[0].ts)


def read_moment(
    reader: LedgerReader, text: str, now: datetime, *, day_of: Callable[[], datetime] | None = None
) -> Told:
    """What ``text`` means; a clock time is one of today, or of the day that ``day_of`` gives.

    Raises ``UsageWrong`` for what is none.
    """
    text = text.strip()
    if text.lower() == "now":
        return Told(now)
    if back := _BACK.fullmatch(text):
        return Told(now - _length(back))
    if _CLOCK.fullmatch(text):
        return Told(_clock(text, day_of() if day_of else now))
    if _DATE.fullmatch(text):
        day = _time(text)
        return Told(day, day + _DAY - timedelta(microseconds=1))
    if place := _PLACE.fullmatch(text):
        return _event(reader, int(re.sub(r"[,_]", "", place[1]) or 0))
    if re.match(r"\d{4}-\d{2}-\d{2}[T ]", text):
        return Told(_time(text))
    return _run(reader, text)


def _clock(text: str, day: datetime) -> datetime:
    parts = [int(part) for part in text.removesuffix("Z").split(":")]
    try:
        hour, minute, second = (*parts, 0)[:3]
        return day.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
    except ValueError:
        raise _no_time(text) from None


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(text) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _event(reader: LedgerReader, seq: int) -> Told:
    event = reader.by_seq(seq)
    if event is None:
        last = reader.head()[0]
        raise _wrong(
            f"there is no event #{seq:,}; the last is #{last:,}", "replay_outside", "name one that is there"
        )
    return Told(from_iso(event.ts), None, f"from #{seq:,} {event.kind}")


def _run(reader: LedgerReader, text: str) -> Told:
    first = reader.by_run(text, 0, 1) if text.isprintable() and text else []
    if not first:
        raise _no_time(text)
    last = reader.find(EventFilter(run_id=text), None, 1).events
    until = from_iso(last[0].ts) if last else None
    return Told(from_iso(first[0].ts), until, f"run {one_line(text, 40)}")


def _length(found: re.Match[str]) -> timedelta:
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _no_time(text: str) -> UsageWrong:
    return _wrong(
        f"{_shown(text)} is no moment: neither a time, nor an event, nor a run of this ledger",
        "replay_no_moment",
        f"for example {EXAMPLES}; times are UTC unless they say otherwise",
    )


def _wrong(message: str, code: str, remedy: str) -> UsageWrong:
    return UsageWrong(message, code=code, remedy=remedy)


def _shown(text: str) -> str:
    return one_line(text, 60) or "an empty text"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
