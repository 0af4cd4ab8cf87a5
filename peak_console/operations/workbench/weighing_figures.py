"""What a careful operator would ask about before figures change: costs, prices, limits, waits. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from peak_console.operations.workbench.projecting import Projection, arrow_eur
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side

_SHOWN: Final = 6

_LOOSER_UP: Final = frozenset(
    {
        ("arm", "default_ttl_s"),
        ("arm", "max_ttl_s"),
        ("provider_breaker", "failures"),
        ("provider_breaker", "failure_pct"),
        ("changes", "cost_rise_pct"),
        ("changes", "approval_valid_s"),
    }
)
"""Settings of control.toml of which more is less careful."""

_LOOSER_DOWN: Final = frozenset(
    {
        ("enable", "cooldown_s"),
        ("provider_breaker", "open_s"),
        ("provider_breaker", "longest_open_s"),
        ("changes", "known_good_after_s"),
    }
)
"""Settings of control.toml of which less is less careful."""


def rise_pct(side: Side) -> Decimal:
    """The percentage of `[changes] cost_rise_pct`, as it stands before the change."""
    return side.control.changes.cost_rise_pct


def cost_rises(projected: Projection, pct: Decimal) -> Iterator[Concern]:
    """The day's traffic may cost more than before by more than ``pct``, or a call of an idle slot may."""
    old, new = projected.before.worst, projected.after.worst
    idle = [
        f"{is_now.slot} ({arrow_eur(was.worst, is_now.worst)} EUR a call)"
        for was, is_now in projected.pairs()
        if not was.calls and not is_now.calls and _rises(was.worst or 0, is_now.worst or 0, pct)
    ]
    told = []
    if _rises(old, new, pct):
        told.append(
            f"the calls of the last 24 h{projected.traffic.shorter} would cost "
            f"{arrow_eur(old, new)} EUR at most ({_percent(old, new)})"
        )
    if idle:
        more = f" and {len(idle) - _SHOWN} more" if len(idle) > _SHOWN else ""
        told.append(f"worst case of slots without traffic: {', '.join(idle[:_SHOWN])}{more}")
    if told:
        yield Concern("cost_rises", "; ".join(told), projected.figures())


def prices_changed(before: Side, after: Side, pct: Decimal) -> Iterator[Concern]:
    """Prices of models that the matrix uses: dearer by more than ``pct``, or cheaper than was read before.

    A price that is lower than the provider's lets budgets admit more than they say.
    """
    raised, lowered = [], []
    for provider, model_id in sorted(_used(after)):
        was = before.prices.find(provider, model_id, before.today)
        now = after.prices.find(provider, model_id, after.today)
        if was is None or now is None:
            continue
        name = f"{provider}:{model_id}"
        for key in _PRICE_KEYS:
            old, new = getattr(was, key) or Decimal(0), getattr(now, key) or Decimal(0)
            if _rises(old, new, pct):
                raised.append((f"{name} {key}", f"{old} → {new} USD"))
            elif new < old:
                lowered.append((f"{name} {key}", f"{old} → {new} USD"))
    if raised:
        yield Concern("price_rises", _listed("prices rise", raised), dict(raised))
    if lowered:
        message = _listed("prices fall, so budgets admit more calls", lowered)
        yield Concern("price_falls", message, dict(lowered))


_PRICE_KEYS: Final = ("input_usd_per_mtok", "output_usd_per_mtok", "request_usd", "hosted_call_usd")


def limits_raised(before: Side, after: Side, pct: Decimal) -> Iterator[Concern]:
    """A budget's limit is raised by more than ``pct``, or taken away; so with the limits of the risk gate."""
    raised: list[tuple[str, str]] = []
    if before.budgets is not None and after.budgets is not None:
        old = _leaves(before.budgets.model_dump(exclude={"currency", "timezone", "warn_pct"}))
        new = _leaves(after.budgets.model_dump(exclude={"currency", "timezone", "warn_pct"}))
        for path, value in old.items():
            now = new.get(path)
            if now is None:
                raised.append((".".join(path), f"{value} → none"))
            elif _rises(value, now, pct):
                raised.append((".".join(path), f"{value} → {now}"))
    risk = _leaves(after.limits.model_dump())
    for path, value in _leaves(before.limits.model_dump()).items():
        if _rises(value, risk.get(path, Decimal(0)), pct):
            raised.append((".".join(path), f"{value} → {risk[path]}"))
    raised += [
        (".".join(path), f"none → {value}")
        for path, value in risk.items()
        if path not in _leaves(before.limits.model_dump())
    ]
    if raised:
        yield Concern(
            "limit_raised", _listed("limits rise by more than is asked about", raised), dict(raised)
        )


def rate_falls(before: Side, after: Side) -> Iterator[Concern]:
    """EUR for a USD fall by so much that it looks like a slip: costs are then understated."""
    old = before.budgets.currency if before.budgets else None
    new = after.budgets.currency if after.budgets else None
    if old is not None and new is not None and new.eur_per_usd < old.eur_per_usd * _LEAST_RATE:
        figures = {"currency.eur_per_usd": f"{old.eur_per_usd} → {new.eur_per_usd}"}
        yield Concern("rate_falls", "the rate falls by more than a tenth: costs in EUR fall with it", figures)


_LEAST_RATE: Final = Decimal("0.9")


def control_loosened(before: Side, after: Side) -> Iterator[Concern]:
    """Going more dangerous is slowed down less than before."""
    old = _leaves(before.control.model_dump(exclude={"enable": {"ramp"}}))
    new = _leaves(after.control.model_dump(exclude={"enable": {"ramp"}}))
    looser = [
        (".".join(path), f"{value} → {new[path]}")
        for path, value in old.items()
        if path in new
        and ((path in _LOOSER_UP and new[path] > value) or (path in _LOOSER_DOWN and new[path] < value))
    ]
    if before.control.arm.two_person and not after.control.arm.two_person:
        looser.append(("arm.two_person", "true → false"))
    if _ramp_weaker(before, after):
        looser.append(("enable.ramp", "limits come back sooner or higher"))
    if looser:
        yield Concern(
            "control_loosened", _listed("going more dangerous is slowed down less", looser), dict(looser)
        )


def _ramp_weaker(before: Side, after: Side) -> bool:
    """Whether at some second after an enable limits stand higher than before."""

    def share(side: Side, second: int) -> Decimal:
        steps = [one for one in side.control.enable.ramp if one.after_s <= second]
        return max(steps, key=lambda one: one.after_s).limit_pct if steps else Decimal(0)

    seconds = {one.after_s for side in (before, after) for one in side.control.enable.ramp}
    return any(share(after, second) > share(before, second) for second in seconds)


def models_allowed(before: Side, after: Side) -> Iterator[Concern]:
    """A model that was refused is allowed, or an announced end is put off or taken out."""
    changed: list[tuple[str, str]] = []
    for entry in after.models:
        was = before.models.find(entry.provider, entry.model_id)
        if was is None:
            continue
        name = f"{entry.provider}:{entry.model_id}"
        if entry.allowed and not was.allowed:
            changed.append((f"{name} allowed", "false → true"))
        ended = was.lifecycle.shutdown if was.lifecycle else None
        ends = entry.lifecycle.shutdown if entry.lifecycle else None
        if ended is not None and (ends is None or ends > ended):
            changed.append((f"{name} shutdown", f"{ended} → {ends or 'none'}"))
    if changed:
        yield Concern(
            "model_kept_longer", _listed("models may be used that could not be", changed), dict(changed)
        )


def readiness_lowered(before: Side, after: Side) -> Iterator[Concern]:
    """A promotion asks for less than before."""
    old, new = before.readiness.model_dump(), after.readiness.model_dump()
    lower: list[tuple[str, str]] = []
    for phase, criteria in old.items():
        for key, was in criteria.items():
            now = new[phase][key]
            if _asks_less(key, was, now):
                lower.append((f"{phase}.{key}", f"{_shown(was)} → {_shown(now)}"))
    if lower:
        yield Concern("readiness_lowered", _listed("a promotion asks for less", lower), dict(lower))


def _asks_less(key: str, was: Any, now: Any) -> bool:
    if was == now:
        return False
    if isinstance(was, bool):
        return was and not now
    if isinstance(was, tuple) or isinstance(now, tuple):
        return bool(set(was or ()) - set(now or ()))
    if now is None:
        return was is not None
    if was is None:
        return False
    return bool(now > was) if key.startswith("max_") else bool(now < was)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _used(side: Side) -> set[tuple[str, str]]:
    """The models that stand in a slot of the matrix."""
    return {
        (slot.provider, slot.model_id) for _, config in side.inspection.layers() for slot in slots_of(config)
    }


def slots_of(config: BaseModel) -> Iterator[Any]:
    """The slots of a layer that name a model."""
    for one in (
        getattr(config, "primary", None),
        *getattr(config, "fallback", ()),
        getattr(config, "critic", None),
    ):
        if one is not None and hasattr(one, "model_id"):
            yield one


def _leaves(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Decimal]:
    """The numbers in nested tables, by path; flags and absent values are none."""
    found: dict[tuple[str, ...], Decimal] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _leaves(value, (*path, key))
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            found[*path, key] = Decimal(value)
    return found


def _rises(old: Decimal | int, new: Decimal | int, pct: Decimal) -> bool:
    """Whether ``new`` is above ``old`` by more than ``pct`` per cent; of nothing, anything is."""
    return new > old and Decimal(new) * 100 > Decimal(old) * (100 + pct)


def _percent(old: int, new: int) -> str:
    return f"+{Decimal(new - old) * 100 / old:.0f} %" if old else "from nothing"


def _listed(head: str, changes: list[tuple[str, str]]) -> str:
    told = ", ".join(f"{key} {value}" for key, value in changes[:_SHOWN])
    more = len(changes) - _SHOWN
    return f"{head}: {told}" + (f" and {more} more" if more > 0 else "")
