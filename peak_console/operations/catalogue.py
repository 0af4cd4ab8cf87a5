"""The catalogue: what the workspace knows of each model, from its configs and its ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from typing import Any, Final

from peak_console.budget.prices import Price
from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import NEAR_SHUTDOWN_DAYS, ModelEntry
from peak_console.config.sources import read_sources
from peak_console.config.verifying import Standing
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer, Role
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.sides import Side, standing
from peak_console.operations.workbench.traffic import Seen, Traffic, quantile_ms, read_traffic, span_text
from peak_console.operations.workbench.weighing_matrix import Judge, chain_of, standing_at
from peak_console.policy.deny import hard_deny
from peak_console.policy.guards import guard

ALLOWED: Final = "allowed"
RETIRING: Final = "retiring"
SHUT_DOWN: Final = "shut down"
REFUSED: Final = "refused"
DENIED: Final = "denied"
UNREGISTERED: Final = "not registered"

_USABLE: Final = (ALLOWED, RETIRING)
_ENOUGH: Final = 0.6
_SUGGESTED: Final = 12


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model. ``None`` and empty mean that nobody has said it."""

    provider: str
    model_id: str
    status: str
    """``allowed``, ``retiring`` (an end is announced), ``shut down``, ``refused`` (``allowed = false``),
    ``denied`` (by policy), ``not registered`` (called or assigned, and not in models.toml)."""
    why: str
    """What the status rests on, in words; empty for ``allowed``."""
    family: str = ""
    endpoint: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    modalities: tuple[str, ...] = ()
    price: Price | None = None
    """The price of today."""
    retires: date | None = None
    days_left: int | None = None
    successor: str = ""
    used_in: tuple[str, ...] = ()
    """Slots of the matrix: ``L2.primary``, ``L2.fallback.1``."""
    verified_in: tuple[str, ...] = ()
    """The slots in which an eval stands for it in the lock; where it is ``attested`` is none of these."""
    standing: tuple[tuple[str, str], ...] = ()
    """What the lock says of it in each slot: the slot and ``verified``, ``attested``, ``expired``, …"""
    calls: int = 0
    """Hops sent, over ``span``."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    span: str = ""
    """How far back calls and latency go: ``24 h``, ``all time``; empty where it was never called."""

    @property
    def name(self) -> str:
        """``provider:model_id``."""
        return f"{self.provider}:{self.model_id}"

    @property
    def usable(self) -> bool:
        """Whether a slot may name it today."""
        return self.status in _USABLE

    def as_dict(self) -> dict[str, Any]:
        """One row of ``peak models list --json``."""
        return {
            "provider": self.provider,
            "model_id": self.model_id,
            "status": self.status,
            "why": self.why,
            "family": self.family,
            "endpoint": self.endpoint,
            "context_tokens": self.context_tokens,
            "max_output_tokens": self.max_output_tokens,
            "modalities": list(self.modalities),
            "price": _price(self.price),
            "retires": self.retires.isoformat() if self.retires else None,
            "days_left": self.days_left,
            "successor": self.successor,
            "used_in": list(self.used_in),
            "verified_in": list(self.verified_in),
            "standing": dict(self.standing),
            "calls": self.calls,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "span": self.span,
        }


def catalogue(ws: Workspace, now: datetime) -> tuple[ModelFacts, ...]:
    """All models that the workspace knows of: registered, assigned, priced or called. By provider and id.

    Reads configs as far as they can be understood, and the ledger where there is one. Never raises for what
    they hold.
    """
    side = standing(read_sources(ws.root), phase=rules_of(ws), today=now.astimezone(UTC).date())
    return facts_of(side, read_traffic(ws, now), standing_at(now))


def facts_of(side: Side, traffic: Traffic, judge: Judge) -> tuple[ModelFacts, ...]:
    """The pure rule of :func:`catalogue`."""
    slots = _slots(side)
    names = {(one.provider, one.model_id) for one in side.models}
    names |= {(one.provider, one.model_id) for one in side.prices}
    names |= {(one.provider, one.model_id) for one, _ in slots}
    names |= {key for key, seen in traffic.ever.items() if seen.calls and all(key)}
    said = {place: judge(side, one).value for one, place in slots}
    return tuple(_facts(side, name, slots, said, traffic) for name in sorted(names))


def find_model(facts: Iterable[ModelFacts], wanted: str) -> ModelFacts:
    """The model named ``provider:model_id``, or by its id alone where one provider has it.

    Raises ``UsageWrong``: ``model_unknown`` with what may have been meant, ``model_ambiguous``.
    """
    facts = tuple(facts)
    found = [one for one in facts if wanted in {one.name, one.model_id}]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise UsageWrong(
            f"'{wanted[:80]}' is a model of several providers",
            code="model_ambiguous",
            remedy=f"name one of: {names}",
        )
    meant = suggest(facts, wanted, unusable=True)[:3]
    raise UsageWrong(
        f"no model '{wanted[:80]}' is known here",
        code="model_unknown",
        remedy=f"did you mean {', '.join(meant)}?" if meant else "see: peak models list",
        meant=list(meant),
    )


def suggest(facts: Iterable[ModelFacts], word: str, *, unusable: bool = False) -> tuple[str, ...]:
    """Names ``provider:model_id`` that ``word`` may mean, the likeliest first. Pure.

    Only models that a slot may name, unless ``unusable`` ones are wanted too; an empty word gives all.
    """
    asked = _plainly(word)
    ranked = []
    for one in facts:
        if one.usable or unusable:
            rank = _rank(asked, one)
            if rank is not None:
                ranked.append((rank, one.status != ALLOWED, one.name))
    return tuple(name for _, _, name in sorted(ranked)[:_SUGGESTED]) if asked else _all_names(ranked)


def _all_names(ranked: list[tuple[float, bool, str]]) -> tuple[str, ...]:
    return tuple(name for _, _, name in sorted(ranked))


def _rank(asked: str, one: ModelFacts) -> float | None:
    """How far a name is from what was asked for: 0 the same, 4 merely alike; ``None``: too far."""
    name, model = _plainly(one.name), _plainly(one.model_id)
    if asked in {name, model}:
        return 0.0
    if name.startswith(asked) or model.startswith(asked):
        return 1.0
    if asked in name:
        return 2.0
    if _in_order(asked, name):
        return 3.0
    alike = max(SequenceMatcher(None, asked, each).ratio() for each in (name, model))
    return 5.0 - alike if alike >= _ENOUGH else None


def _in_order(asked: str, name: str) -> bool:
    """Whether the letters of ``asked`` stand in ``name`` in their order."""
    letters = iter(name)
    return all(letter in letters for letter in asked)


def _plainly(text: str) -> str:
    """Without case and separators: ``gpt-5.2`` and ``GPT-5-2`` are alike."""
    return "".join(one for one in text.casefold()[:200] if one.isalnum() or one == ":")


def _slots(side: Side) -> list[tuple[ChainEntry, str]]:
    """Every slot of the matrix with its place as people write it."""
    found = []
    for layer in Layer:
        for role in (Role.PRIMARY, Role.CRITIC):
            for entry in chain_of(side.matrix, layer, role):
                behind = entry.role is Role.FALLBACK
                place = f"{layer}.{entry.role}" + (f".{entry.position}" if behind else "")
                found.append((entry, place))
    return found


def _facts(
    side: Side,
    name: tuple[str, str],
    slots: list[tuple[ChainEntry, str]],
    said: Mapping[str, str],
    traffic: Traffic,
) -> ModelFacts:
    provider, model_id = name
    entry = side.models.find(provider, model_id)
    status, why = _status(side, provider, model_id, entry)
    used = tuple(place for one, place in slots if (one.provider, one.model_id) == name)
    seen, span = _seen(traffic, name)
    lifecycle = entry.lifecycle if entry else None
    return ModelFacts(
        provider=provider,
        model_id=model_id,
        status=status,
        why=why,
        family=entry.family if entry else "",
        endpoint=entry.endpoint.value if entry else "",
        context_tokens=entry.context_tokens if entry else None,
        max_output_tokens=entry.max_output_tokens if entry else None,
        modalities=tuple(one.value for one in entry.modalities) if entry else (),
        price=side.prices.find(provider, model_id, side.today),
        retires=lifecycle.shutdown if lifecycle else None,
        days_left=entry.days_left(side.today) if entry else None,
        successor=(lifecycle.successor or "") if lifecycle else "",
        used_in=used,
        verified_in=tuple(place for place in used if said[place] == Standing.VERIFIED),
        standing=tuple((place, said[place]) for place in used),
        calls=seen.calls,
        p50_ms=quantile_ms(seen.latency, 0.5),
        p95_ms=quantile_ms(seen.latency, 0.95),
        span=span,
    )


def _status(side: Side, provider: str, model_id: str, entry: ModelEntry | None) -> tuple[str, str]:
    family = entry.family if entry else ""
    denial = hard_deny(provider=provider, model_id=model_id, family=family)
    if denial is None and side.matrix is not None:
        rules = side.matrix.global_
        denial = guard(
            provider=provider,
            model_id=model_id,
            family=family,
            allowed_providers=rules.allowed_providers,
            forbidden_providers=rules.forbidden_providers,
            forbidden_model_prefixes=rules.forbidden_model_prefixes,
        )
    if denial is not None:
        return DENIED, denial.message
    if entry is None:
        return UNREGISTERED, "it does not stand in configs/ai/models.toml"
    if not entry.allowed:
        return REFUSED, "configs/ai/models.toml says allowed = false"
    left = entry.days_left(side.today)
    if left is None:
        return ALLOWED, ""
    if left <= 0:
        return SHUT_DOWN, f"since {-left} days" if left else "from today on"
    near = ", soon" if left <= NEAR_SHUTDOWN_DAYS else ""
    return RETIRING, f"in {left} days{near}"


def _seen(traffic: Traffic, name: tuple[str, str]) -> tuple[Seen, str]:
    """What was seen of a model in the last day; where that is nothing, since the ledger began."""
    day = Seen()
    for (_, _, provider, model_id), one in traffic.slots.items():
        if (provider, model_id) == name:
            day.calls += one.calls
            day.latency.merge(one.latency)
    if day.calls:
        return day, span_text(traffic.covered_s)
    ever = traffic.ever.get(name)
    return (ever, "all time") if ever is not None and ever.calls else (Seen(), "")


def _price(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    cached = price.cache_read_usd_per_mtok
    hosted = price.hosted_call_usd
    return {
        "input_usd_per_mtok": str(price.input_usd_per_mtok),
        "output_usd_per_mtok": str(price.output_usd_per_mtok),
        "cache_read_usd_per_mtok": None if cached is None else str(cached),
        "request_usd": str(price.request_usd),
        "hosted_call_usd": None if hosted is None else str(hosted),
        "source": price.source,
        "as_of": price.as_of.isoformat(),
        "valid_from": price.valid_from.isoformat(),
    }
