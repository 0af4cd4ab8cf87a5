"""When which provider is down: a schedule drawn from the seed, and outages called by hand."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

_USUAL = "openai"


@dataclass(frozen=True, slots=True)
class Outage:
    """A provider's outage, in seconds since the start."""

    provider: str
    starts_s: float
    ends_s: float


@dataclass(slots=True)
class OutagePlan:
    """Seeded outages: the first within ``first_s``, each about ``lasts_s`` long, one about every ``every_s``.

    ``every_s`` zero means none but those called by hand. The first strikes the provider that most models are
    of, so that a short demonstration shows a fallback.
    """

    seed: int
    providers: tuple[str, ...]
    first_s: float = 45.0
    every_s: float = 180.0
    lasts_s: float = 20.0
    _coming: Iterator[Outage] = field(init=False, repr=False)
    _next: Outage | None = field(init=False, default=None)
    _called: list[Outage] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._coming = self._drawn()
        self._next = next(self._coming, None)

    def down(self, provider: str, at_s: float) -> bool:
        """Whether ``provider`` is down; asked with times that do not run backwards."""
        self._called = [one for one in self._called if one.ends_s > at_s]
        while self._next is not None and self._next.ends_s <= at_s:
            self._next = next(self._coming, None)
        going = [*self._called, self._next] if self._next else self._called
        return any(one.provider == provider and one.starts_s <= at_s < one.ends_s for one in going)

    def call(self, provider: str, at_s: float, lasts_s: float) -> Outage:
        """An outage that begins now."""
        outage = Outage(provider, at_s, at_s + lasts_s)
        self._called.append(outage)
        return outage

    def end(self, at_s: float) -> None:
        """End every outage that goes on now, scheduled ones too."""
        self._called = []
        if self._next is not None and self._next.starts_s <= at_s:
            self._next = next(self._coming, None)

    def _drawn(self) -> Iterator[Outage]:
        if self.every_s <= 0:
            return
        draw = random.Random(f"outages/{self.seed}")  # noqa: S311 - a simulation, not a secret
        starts = self.first_s * draw.uniform(0.5, 1.0)
        provider = _USUAL
        while True:
            lasts = self.lasts_s * draw.uniform(0.75, 1.25)
            yield Outage(provider, starts, starts + lasts)
            starts += max(lasts, self.every_s * draw.uniform(0.75, 1.25))
            provider = _USUAL if draw.random() < 0.7 else draw.choice(self.providers)  # noqa: PLR2004 - a share
