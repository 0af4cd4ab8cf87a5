"""What slows down going more dangerous, as it stood: an edit of the file alone makes nothing laxer that runs.

A fold over what the node tells of `configs/control.toml`, over stops, enables and operators' saves. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from peak_console.config.control import ControlConfig, RampStep
from peak_console.control.history import GLOBAL
from peak_console.control.lowered import narrow_scope
from peak_console.domain.events import EventKind

KIND: Final = "control"
"""What the config is called in records of its digests."""

SLOWING: Final = "slowing"
"""The key under which the node's events tell the figures."""

KINDS: Final = (EventKind.NODE_STARTED, EventKind.CONFIG_CHANGED)
"""Kinds that the fold needs besides stops and enables."""

ENABLE: Final = "enable"
_NOW: Final = "now"
_EARLIER: Final = "earlier"
_TWO: Final = "two_person"


@dataclass(frozen=True, slots=True)
class Slowing:
    """The figures of one version of the file. ``ramp``: from so many seconds on, so many percent."""

    cooldown_s: int
    ramp: tuple[tuple[int, int], ...]
    two_person: bool = False

    def told(self) -> dict[str, Any]:
        """As the node's events tell it."""
        return {"cooldown_s": self.cooldown_s, "ramp": [list(one) for one in self.ramp]} | (
            {"two_person": True} if self.two_person else {}
        )

    def steps(self) -> tuple[RampStep, ...]:
        """The ramp as a config has it."""
        return tuple(RampStep(after_s=after_s, limit_pct=Decimal(pct)) for after_s, pct in self.ramp)


@dataclass(frozen=True, slots=True)
class Held:
    """Figures that held at a moment, and the digest of what an operator saved last since."""

    figures: Slowing
    proved: str = ""


def slowing_of(control: ControlConfig) -> Slowing:
    """The figures of a config."""
    ramp = sorted((one.after_s, int(one.limit_pct)) for one in control.enable.ramp)
    return Slowing(control.enable.cooldown_s, tuple(ramp), control.arm.two_person)


def stricter(one: Slowing, other: Slowing) -> Slowing:
    """The longer cooldown, at every second the lower share, and two persons where either asks for them."""
    ramp = one.ramp
    if one.ramp != other.ramp:
        seconds = sorted({after_s for after_s, _ in (*one.ramp, *other.ramp)})
        ramp = tuple((at, min(_share(one.ramp, at), _share(other.ramp, at))) for at in seconds)
    return Slowing(max(one.cooldown_s, other.cooldown_s), ramp, one.two_person or other.two_person)


def _share(ramp: tuple[tuple[int, int], ...], second: int) -> int:
    return [pct for after_s, pct in ramp if after_s <= second or after_s == ramp[0][0]][-1]


@dataclass(frozen=True, slots=True)
class Slowed:
    """What held when the stops that stand and the last enable came."""

    digest: str = ""
    """Of the file, as the node told it last."""
    held: Mapping[str, Held] = field(default_factory=dict)

    def after(self, kind: str, body: Mapping[str, Any]) -> "Slowed":
        """The fold after one more event."""
        if kind == EventKind.NODE_STARTED:
            digests = body.get("digests")
            found = digests.get(KIND) if isinstance(digests, Mapping) else None
            return self._seen(found, body, begun=True)
        if kind == EventKind.CONFIG_CHANGED:
            if "file" in body:
                return self._seen(body.get("new"), body) if body["file"] == KIND else self
            return self._saved(str(body.get("new"))) if body.get("kind") == KIND else self
        if kind == EventKind.CONTROL_STOPPED:
            return self._stopped(_scope(body))
        return self._enabled(_scope(body)) if kind == EventKind.CONTROL_ENABLED else self

    def since(self, key: str, now: Slowing, digest: str | None) -> Slowing:
        """The figures that count: of then and now the stricter, or those that an operator saved since.

        ``key`` is :data:`ENABLE`, or the scope of a stop; ``digest`` is that of the file as it stands now.
        """
        held = self.held.get(key)
        if held is None or (digest and held.proved == digest):
            return now
        return stricter(held.figures, now)

    def two_person(self, digest: str | None, *, asked: bool) -> bool:
        """Whether two persons arm. ``asked``: by the file as it stands; only a save takes back what was."""
        held = self.held.get(_TWO)
        return asked or (held is not None and not (digest and held.proved == digest))

    def _seen(self, digest: object, body: Mapping[str, Any], *, begun: bool = False) -> "Slowed":
        figures = _read(body.get(SLOWING))
        if figures is None:
            return self
        digest = digest if isinstance(digest, str) else ""
        held, before = dict(self.held), self.held.get(_NOW)
        if begun and before is not None and digest != self.digest:
            held[_EARLIER] = replace(before, figures=self.since(_EARLIER, before.figures, self.digest))
        held[_NOW] = Held(figures)
        if figures.two_person:
            held[_TWO] = Held(figures)
        return _settled(Slowed(digest, held))

    def _saved(self, digest: str) -> "Slowed":
        held = {key: replace(one, proved=digest) for key, one in self.held.items()}
        return _settled(Slowed(self.digest, held))

    def _stopped(self, scope: str) -> "Slowed":
        """A stop while one stands makes nothing laxer. What was edited while no node ran counts as after."""
        now = self.held.get(_NOW)
        if now is None or not scope:
            return self
        figures = self.since(scope, self.since(_EARLIER, now.figures, self.digest), self.digest)
        return replace(self, held={**self.held, scope: Held(figures)})

    def _enabled(self, scope: str) -> "Slowed":
        if scope != GLOBAL:
            return _without(self, scope)
        begun = self.held.get(GLOBAL, self.held.get(ENABLE, self.held.get(_NOW)))
        now = self.held.get(_NOW)
        if begun is None or now is None:
            return self
        if GLOBAL in self.held:
            begun = replace(begun, figures=self.since(GLOBAL, now.figures, self.digest))
        return _without(replace(self, held={**self.held, ENABLE: begun}), GLOBAL, _EARLIER)


def _settled(slowed: Slowed) -> Slowed:
    """Two persons are not asked for any more once the file is as an operator saved it, without them."""
    now = slowed.held.get(_NOW)
    if now is None or now.figures.two_person or slowed.two_person(slowed.digest, asked=False):
        return slowed
    return _without(slowed, _TWO)


def _without(slowed: Slowed, *keys: str) -> Slowed:
    return replace(slowed, held={key: one for key, one in slowed.held.items() if key not in keys})


def _scope(body: Mapping[str, Any]) -> str:
    told = body.get("scope")
    if told == GLOBAL:
        return GLOBAL
    narrow = narrow_scope(told)
    return "" if narrow is None else narrow.text


def _read(told: object) -> Slowing | None:
    """The figures of an event; ``None`` where it tells none."""
    if not isinstance(told, Mapping):
        return None
    try:
        ramp = tuple((int(after_s), int(pct)) for after_s, pct in told["ramp"])
        return Slowing(int(told["cooldown_s"]), ramp, told.get("two_person") is True) if ramp else None
    except (KeyError, TypeError, ValueError):
        return None
