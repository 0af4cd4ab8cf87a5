"""Models changed by hand, as providers change them: swapped, slower, refusing, spoiling, stricter."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from peak_console.simulator.models import PROVIDERS, find

_LONGEST_NAME: Final = 120
_MOST_LATENCY: Final = 1000.0
_MOST_VOICE: Final = 9


@dataclass(frozen=True, slots=True)
class Change:
    """How a model differs from the one that its name promises. The default is no difference."""

    served_as: str | None = None
    """The name that its responses report; ``None``: its own."""
    voice: int = 0
    """Who really writes: 0 is the model itself, 1 to 9 are others, worse ones, in its place."""
    fingerprint: str | None = None
    """The fingerprint that OpenAI's and Azure's chat completions report; ``None``: the model's own."""
    latency: float = 1.0
    """Factor on every delay."""
    refusal: float = 0.0
    """Share of answers that decline."""
    malformed: float = 0.0
    """Share of answers that are not of the form asked for, on top of the usual ones."""
    critic_fail: float = 0.0
    """Share of verdicts that are FAIL, on top of the usual ones."""


UNCHANGED: Final = Change()
_FIELDS: Final = tuple(asdict(UNCHANGED))


@dataclass(slots=True)
class Steering:
    """The changed models. A model is named as it is asked for, by alias or by dated snapshot."""

    changes: dict[tuple[str, str], Change] = field(default_factory=dict)

    def change(self, provider: str, model: str, asked: Mapping[str, Any]) -> Change:
        """Change a model, on top of earlier changes; raises ``ValueError`` with what is wrong."""
        if provider not in PROVIDERS:
            raise ValueError(f"provider is one of {', '.join(PROVIDERS)}")
        if not model or find(provider, model) is None:
            raise ValueError(f"{provider} has no such model")
        unknown = sorted(set(asked) - set(_FIELDS))
        if unknown or not asked:
            raise ValueError(f"what can be changed: {', '.join(_FIELDS)}")
        made = Change(**{**asdict(self.of(provider, model)), **_checked(asked)})
        self.changes[provider, model] = made
        return made

    def of(self, provider: str, *names: str) -> Change:
        """How the model of any of ``names`` is changed."""
        return next(
            (self.changes[provider, one] for one in names if (provider, one) in self.changes), UNCHANGED
        )

    def end(self, provider: str = "", model: str = "") -> None:
        """Take changes back: of a model, of a provider, or all."""
        self.changes = {
            key: change
            for key, change in self.changes.items()
            if provider not in {"", key[0]} or model not in {"", key[1]}
        }

    def told(self) -> list[dict[str, Any]]:
        """The changed models with what differs."""
        return [
            {"provider": provider, "model": model, **_differences(change)}
            for (provider, model), change in sorted(self.changes.items())
        ]


def happens(rate: float, draw: random.Random) -> bool:
    """Whether something of this rate happens now; a rate of zero draws nothing, so that histories stay."""
    return rate > 0 and draw.random() < rate


def _differences(change: Change) -> dict[str, Any]:
    usual = asdict(UNCHANGED)
    return {name: value for name, value in asdict(change).items() if value != usual[name]}


def _checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _CHECKS[name](name, value) for name, value in asked.items()}


def _name(field_name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()):
        return value
    raise ValueError(f"{field_name} is a name, or null for the model's own")


def _share(field_name: str, value: Any) -> float:
    return _between(field_name, value, 1.0)


def _factor(field_name: str, value: Any) -> float:
    return _between(field_name, value, _MOST_LATENCY)


def _voice(field_name: str, value: Any) -> int:
    return int(_between(field_name, value, _MOST_VOICE))


def _between(field_name: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{field_name} is a number from 0 to {most:g}")
    return float(value)


_CHECKS: Final = {
    "served_as": _name,
    "voice": _voice,
    "fingerprint": _name,
    "latency": _factor,
    "refusal": _share,
    "malformed": _share,
    "critic_fail": _share,
}
