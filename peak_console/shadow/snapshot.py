"""A snapshot: the bars that one cycle sees, the moment it is taken at, and whether they are stale. Pure.

Live, the moment is now, and a bar that is not complete yet is not seen. In replayed history the moment is the
end of the newest bar, so nothing is stale by definition, and no bar after it is seen.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from peak_console.config.jobs import CycleSettings
from peak_console.domain.canonical import digest
from peak_console.domain.clock import iso
from peak_console.shadow.bars import Bar, DataUnusable, Gap, gaps
from peak_console.shadow.sources import Loaded


@dataclass(frozen=True, slots=True)
class ReplayPlace:
    """Where in history a cycle stands: its newest bar, and which round through the data this is, from 0."""

    place: int
    round: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one cycle sees of the market."""

    instrument: str
    bars: tuple[Bar, ...]
    """Oldest first."""
    bar_s: int
    as_of: datetime
    """The moment it stands for: now, or the newest bar's end in replayed history."""
    taken_at: datetime
    source: Loaded
    stale: bool
    replay: ReplayPlace | None = None

    @property
    def last(self) -> Bar:
        """The newest bar."""
        return self.bars[-1]

    @property
    def price(self) -> Decimal:
        """The newest close."""
        return self.last.close

    @property
    def priced_at(self) -> datetime:
        """When that close was."""
        return self.last.end(self.bar_s)

    @property
    def age_s(self) -> int:
        """Seconds from the newest bar's end to the moment."""
        return max(0, int((self.as_of - self.priced_at).total_seconds()))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Bars that are missing in it."""
        return gaps(self.bars, self.bar_s)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of instrument, moment and bars."""
        return digest(
            {
                "instrument": self.instrument,
                "as_of": iso(self.as_of),
                "bar_s": self.bar_s,
                "bars": [bar.row() for bar in self.bars],
            }
        )

    @property
    def known(self) -> Sequence[Bar]:
        """All bars of the source up to the newest one, oldest first."""
        every = self.source.bars
        return every[: bisect_right(every, self.last.start, key=lambda bar: bar.start)]

    def facts(self) -> dict[str, Any]:
        """Its source as an event carries it; ``cut`` is a newer bar that was not complete yet."""
        told: dict[str, Any] = {
            "kind": self.source.kind,
            "name": self.source.name,
            "sha256": self.source.sha256,
            "digest": self.digest,
            "bars": len(self.bars),
            "bar_s": self.bar_s,
            "first": iso(self.bars[0].start),
            "last": iso(self.last.start),
            "close": format(self.price, "f"),
            "age_s": self.age_s,
            "gaps": sum(one.missing for one in self.gaps),
        }
        if self.replay is None and self.source.bars[-1].start > self.last.start:
            told["cut"] = iso(self.source.bars[-1].start)
        if self.replay is not None:
            told |= {"place": self.replay.place, "round": self.replay.round}
        return told

    def table(self) -> str:
        """The bars as CSV, as a prompt carries them."""
        return "\n".join(["time,open,high,low,close,volume", *(",".join(bar.row()) for bar in self.bars)])


def taken(loaded: Loaded, settings: CycleSettings, *, now: datetime, cycle: int) -> Snapshot:
    """The snapshot for the ``cycle``-th cycle of a book, counted from 0; raises ``DataUnusable``."""
    if settings.replay is None:
        return _live(loaded, settings, now)
    return _replayed(loaded, settings, now, cycle)


def _live(loaded: Loaded, settings: CycleSettings, now: datetime) -> Snapshot:
    bars = [bar for bar in loaded.bars[-settings.window - 1 :] if bar.end(settings.bar_s) <= now]
    newest = loaded.bars[-1]
    if newest.start > now:
        raise DataUnusable(
            f"the newest bar begins at {iso(newest.start)}, which is yet to come",
            code="data_in_future",
            remedy="check the zone of its times (timezone of the source) and this machine's clock",
        )
    window = _whole(bars, settings.window, len(loaded.bars))
    age = now - window[-1].end(settings.bar_s)
    stale = age > timedelta(seconds=settings.max_age_s)
    return Snapshot(settings.instrument, window, settings.bar_s, now, now, loaded, stale)


def _replayed(loaded: Loaded, settings: CycleSettings, now: datetime, cycle: int) -> Snapshot:
    assert settings.replay is not None  # noqa: S101 - the caller looked
    first = settings.replay.start + settings.window - 1
    _whole(loaded.bars[: first + 1], first + 1, len(loaded.bars))
    rounds, offset = divmod(settings.replay.step * cycle, len(loaded.bars) - first)
    place = first + offset
    window = loaded.bars[place + 1 - settings.window : place + 1]
    as_of = window[-1].end(settings.bar_s)
    replay = ReplayPlace(place, rounds)
    return Snapshot(
        settings.instrument, window, settings.bar_s, as_of, now, loaded, stale=False, replay=replay
    )


def _whole(bars: Sequence[Bar], wanted: int, there: int) -> tuple[Bar, ...]:
    if len(bars) < wanted:
        raise DataUnusable(
            f"the source has {there} bars, and {wanted} complete ones are needed",
            code="data_too_short",
            remedy="lower window or replay.start of the job, or give more bars",
        )
    return tuple(bars[-wanted:])
