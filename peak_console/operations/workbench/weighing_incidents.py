"""What a careful operator would ask about before triggers change: what is told later or acts less. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from peak_console.config.incidents import (
    WATCHED,
    BudgetRunaway,
    IncidentsConfig,
    ModelDrift,
    TriggerRules,
)
from peak_console.domain.incidents import Auto
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side

_SAFER: Final = {Auto.NONE: 0, Auto.DISARM: 1, Auto.QUARANTINE: 2, Auto.STOP_SCOPE: 2, Auto.STOP: 3}
"""How much an act takes out of use."""

_LOOSER_UP: Final = frozenset(
    {
        "quiet_s",
        "count",
        "least_calls",
        "least_eur",
        "baseline_calls",
        "baseline_pct",
        "alarm_log",
        "least_s",
        "ack_s",
        "fingerprint_answers",
        "canary_fail_pct",
        "suspicion_every_s",
    }
)
"""Thresholds of which more is told later."""

_LOOSER_DOWN: Final = frozenset({"window_s", "warn_below", "canary_alpha"})
_SHOWN: Final = 6


def triggers_loosened(before: Side, after: Side) -> Iterator[Concern]:
    """A trigger is off, acts less, or fires later than before; or somebody is no longer told."""
    looser = [*_triggers(before.incidents, after.incidents), *_hooks(before.incidents, after.incidents)]
    if looser:
        told = ", ".join(f"{key} {value}" for key, value in looser[:_SHOWN])
        more = f" and {len(looser) - _SHOWN} more" if len(looser) > _SHOWN else ""
        message = f"incidents are seen later, or less happens by itself: {told}{more}"
        yield Concern("triggers_loosened", message, dict(looser))


def _triggers(before: IncidentsConfig, after: IncidentsConfig) -> Iterator[tuple[str, str]]:
    for trigger in WATCHED:
        old, new = before.rules(trigger), after.rules(trigger)
        if old.enabled and not new.enabled:
            yield f"{trigger}.enabled", "true → false"
        if _SAFER[new.auto] < _SAFER[old.auto]:
            yield f"{trigger}.auto", f"{old.auto} → {new.auto}"
        yield from ((f"{trigger}.{key}", value) for key, value in _thresholds(old, new))


def _thresholds(old: TriggerRules, new: TriggerRules) -> Iterator[tuple[str, str]]:
    was, now = old.model_dump(), new.model_dump()
    for key, value in was.items():
        up, down = key in _LOOSER_UP and now[key] > value, key in _LOOSER_DOWN and now[key] < value
        if up or down:
            yield key, f"{value} → {now[key]}"
    if isinstance(old, ModelDrift) and isinstance(new, ModelDrift):
        gone = [one for one in old.quarantine if one not in new.quarantine]
        if gone:
            yield "quarantine", f"no longer upon {', '.join(gone)}"
    if isinstance(old, BudgetRunaway) and isinstance(new, BudgetRunaway):
        for one in old.windows:
            same = [it for it in new.windows if (it.long_s, it.short_s) == (one.long_s, one.short_s)]
            if not any(it.factor <= one.factor for it in same):
                told = (
                    f"{one.factor} times → {same[0].factor} times" if same else f"{one.factor} times → none"
                )
                yield f"windows {one.long_s} s and {one.short_s} s", told


def _hooks(before: IncidentsConfig, after: IncidentsConfig) -> Iterator[tuple[str, str]]:
    left: dict[str, Any] = {one.name: one for one in after.hooks}
    for hook in before.hooks:
        now = left.get(hook.name)
        if now is None:
            yield f"hook {hook.name}", "is told → is not"
        elif now.triggers and (not hook.triggers or set(hook.triggers) - set(now.triggers)):
            were = ", ".join(hook.triggers) or "all"
            yield f"hook {hook.name}", f"is told of {were} → of {', '.join(now.triggers)}"
