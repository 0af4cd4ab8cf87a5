"""Cancelling all open orders after a stop: every venue at once, each by its own deadline.

Standard library only. It comes after the unlinks, and what fails in it undoes nothing of them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

STEP: Final = "cancel_all"
PATIENCE_S: Final = 5.0
"""How long a venue may take to cancel and confirm."""

_NAMED: Final = 5
"""Orders that a line names."""

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What a venue says it did."""

    cancelled: int
    left: tuple[str, ...] = ()
    """Orders that stand all the same, by their ids."""
    detail: str = ""


class CancelVenue(Protocol):
    """A venue that can cancel all open orders by a path of its own: a cancel-only key, a dead-man timer."""

    @property
    def name(self) -> str:
        """Its name in the configs."""
        ...

    @property
    def by_hand(self) -> str:
        """How a person cancels there when the program cannot: an address, a telephone number, a command."""
        ...

    def cancel_all(self, deadline_s: float) -> CancelReport:
        """Cancel every open order and read back; raises what keeps it from that."""
        ...


Finder = Callable[[Path], Sequence[CancelVenue]]
"""Gives the venues of the workspace at a root."""

_FINDERS: Final[list[Finder]] = []


def register(finder: Finder) -> None:
    """Have ``finder`` asked for venues, once; a part of the program that trades calls this when imported."""
    if finder not in _FINDERS:
        _FINDERS.append(finder)


def venues_of(root: Path, *, finders: Sequence[Finder] | None = None) -> tuple[CancelVenue, ...]:
    """The venues of the workspace at ``root``. Never raises: who cannot be asked is a venue that fails."""
    found: list[CancelVenue] = []
    for finder in _FINDERS if finders is None else finders:
        try:
            found += finder(root)
        except Exception as error:  # noqa: BLE001 - a stop goes on, and says that somebody may hold orders
            found.append(_Unread(error))
    return tuple(found)


def only(venues: Sequence[CancelVenue], name: str) -> tuple[CancelVenue, ...]:
    """Of ``venues`` the one of this name, and whoever could not be asked which they are.

    Where there are venues and none is called so, a venue that fails says which there are.
    """
    found = [one for one in venues if one.name == name or isinstance(one, _Unread)]
    if venues and not found:
        return (_NoSuch(name, tuple(one.name for one in venues)),)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class VenueStep:
    """What became of one venue's orders; ``ms`` is how long it took."""

    venue: str
    ok: bool
    cancelled: int = 0
    left: tuple[str, ...] = ()
    detail: str = ""
    remedy: str = ""
    ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The venue in a document."""
        return {
            "venue": self.venue,
            "ok": self.ok,
            "cancelled": self.cancelled,
            "left": list(self.left),
            "detail": self.detail,
            "remedy": self.remedy,
            "ms": self.ms,
        }


@dataclass(frozen=True, slots=True)
class VenuesStep:
    """The step of a stop that cancels all orders."""

    venues: tuple[VenueStep, ...] = ()
    at_us: int = 0

    @property
    def ok(self) -> bool:
        """Whether no order stands, as far as the venues tell."""
        return not self.failed

    @property
    def failed(self) -> tuple[VenueStep, ...]:
        """The venues where orders may stand."""
        return tuple(one for one in self.venues if not one.ok)

    @property
    def detail(self) -> str:
        """The step in one line."""
        if not self.venues:
            return "no venue"
        if self.failed:
            return "; ".join(f"{one.venue}: {one.detail}" for one in self.failed)
        count = sum(one.cancelled for one in self.venues)
        orders = f"{count} order{'' if count == 1 else 's'}"
        return f"{orders} cancelled at {', '.join(one.venue for one in self.venues)}"

    @property
    def remedy(self) -> str:
        """What to do where orders may stand."""
        return "; ".join(dict.fromkeys(one.remedy for one in self.failed))

    def as_dict(self) -> dict[str, Any]:
        """The step beside the others of a stop."""
        return {"step": STEP, "ok": self.ok, "detail": self.detail, "at_us": self.at_us}


@dataclass(slots=True)
class Cancelling:
    """Cancelling that has begun; :meth:`result` waits for it, at most until the deadline."""

    venues: Sequence[CancelVenue]
    patience_s: float
    _until: float = 0.0
    _told: dict[int, VenueStep] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> "Cancelling":
        """Ask every venue, each in a thread that nobody waits for longer than the patience."""
        self._until = time.monotonic() + self.patience_s
        for place, venue in enumerate(self.venues):
            thread = threading.Thread(
                target=self._one, args=(place, venue), name=f"cancel-all-{place}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return self

    def result(self) -> VenuesStep:
        """What became of it. Never raises; a venue that hangs is one where orders may stand."""
        for thread in self._threads:
            thread.join(max(self._until - time.monotonic(), 0.0))
        told = dict(self._told)
        steps = [told.get(place) or self._silent(venue) for place, venue in enumerate(self.venues)]
        return VenuesStep(tuple(steps), time.clock_gettime_ns(_BOOT_CLOCK) // 1000)

    def _one(self, place: int, venue: CancelVenue) -> None:
        began = time.monotonic()
        try:
            step = _judged(venue, venue.cancel_all(self.patience_s))
        except Exception as error:  # noqa: BLE001 - whatever a venue's client raises, its orders may stand
            said = getattr(error, "message", "") or str(error) or type(error).__name__
            step = (False, 0, (), f"{said[:200]}: its orders may stand")
        self._told[place] = VenueStep(
            venue.name,
            step[0],
            cancelled=step[1],
            left=step[2],
            detail=step[3],
            remedy="" if step[0] else _by_hand(venue),
            ms=round((time.monotonic() - began) * 1000),
        )

    def _silent(self, venue: CancelVenue) -> VenueStep:
        detail = f"no answer within {self.patience_s:g} s: its orders may stand"
        return VenueStep(
            venue.name, ok=False, detail=detail, remedy=_by_hand(venue), ms=round(self.patience_s * 1000)
        )


def begin_cancel_all(venues: Sequence[CancelVenue], *, patience_s: float = PATIENCE_S) -> Cancelling:
    """Begin to cancel all open orders on every one of ``venues``, at once."""
    return Cancelling(venues, patience_s).begin()


def cancel_all(venues: Sequence[CancelVenue], *, patience_s: float = PATIENCE_S) -> VenuesStep:
    """Cancel all open orders on every one of ``venues``, at once; never raises."""
    return begin_cancel_all(venues, patience_s=patience_s).result()


def _judged(venue: CancelVenue, report: CancelReport) -> tuple[bool, int, tuple[str, ...], str]:
    """Whether it is done: nothing is left."""
    if not report.left:
        return True, report.cancelled, (), report.detail or f"{report.cancelled} cancelled at {venue.name}"
    more = f" and {len(report.left) - _NAMED} more" if len(report.left) > _NAMED else ""
    stand = f"{len(report.left)} stand: {', '.join(report.left[:_NAMED])}{more}"
    return False, report.cancelled, report.left, f"{stand}; {report.detail}" if report.detail else stand


def _by_hand(venue: CancelVenue) -> str:
    return f"cancel at {venue.name} by hand: {venue.by_hand}"


@dataclass(frozen=True, slots=True)
class _Unread:
    """Venues that could not even be named."""

    error: Exception

    @property
    def name(self) -> str:
        return "unknown venues"

    @property
    def by_hand(self) -> str:
        return "look at every venue of this workspace; see: peak lint"

    def cancel_all(self, _: float) -> CancelReport:
        raise self.error


@dataclass(frozen=True, slots=True)
class _NoSuch:
    """A venue that somebody stopped and that there is not."""

    name: str
    known: tuple[str, ...]

    @property
    def by_hand(self) -> str:
        return "name the one that is meant: peak stop --scope venue:NAME"

    def cancel_all(self, _: float) -> CancelReport:
        raise LookupError(f"no venue is called {self.name}, there is {', '.join(self.known)}")
