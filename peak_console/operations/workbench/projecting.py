"""The last day's traffic under other configs: what it would cost, at most, from whom and how fast. Pure.

Each call keeps its tokens and its place in the chain: what the first fallback answered, the first fallback
of the new chain answers. Nothing is extrapolated, and less judging is not counted as a saving.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from peak_console.budget.prices import Price, bound, cost
from peak_console.config.matrix import ChainEntry, settings_of
from peak_console.config.registry import ModelEntry
from peak_console.domain.calls import Usage
from peak_console.domain.money import decimal_from_nano
from peak_console.domain.vocabulary import Layer, Role
from peak_console.operations.workbench.sides import Side
from peak_console.operations.workbench.traffic import Traffic
from peak_console.operations.workbench.weighing_matrix import asked_share, chain_of

_CHAINS: Final = (Role.PRIMARY, Role.CRITIC)
_LEAST_DIGITS: Final = 9

COST: Final = "cost_eur_last_24h"
WORST: Final = "worst_case_eur_last_24h"
"""Figures of what was seen in the last 24 hours, and of nothing else: no day is made of a part of one."""
_PER_CALL: Final = "worst_case_eur_per_call"
_LABELS: Final = {
    COST: "cost of the last 24 h, EUR",
    WORST: "worst case of the last 24 h, EUR",
}


@dataclass(frozen=True, slots=True)
class Flow:
    """Calls at one place of a chain, and their tokens."""

    calls: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0

    def plus(self, other: "Flow") -> "Flow":
        """Both together."""
        return Flow(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_cached + other.tokens_cached,
            self.tokens_out + other.tokens_out,
        )

    def scaled(self, calls: int) -> "Flow":
        """As many calls of the same kind, tokens rounded up."""
        return Flow(
            calls,
            *(-(-one * calls // self.calls) for one in (self.tokens_in, self.tokens_cached, self.tokens_out)),
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A slot that can be asked: the registry knows its model, and it has a price."""

    entry: ChainEntry
    model: ModelEntry
    price: Price

    @property
    def max_output(self) -> int:
        """Most output tokens of one answer."""
        return min(self.entry.max_output_tokens or self.model.max_output_tokens, self.model.max_output_tokens)

    @property
    def name(self) -> str:
        """``provider:model``."""
        return f"{self.entry.provider}:{self.entry.model_id}"


@dataclass(frozen=True, slots=True)
class ChainWeight:
    """What a chain's traffic comes to. Money in nano-EUR; ``None`` where nobody in it can be asked."""

    layer: Layer
    role: Role
    calls: int
    cost: int | None
    worst: int | None
    """Every call answered in full length by the dearest candidate; of one call where there was no traffic."""
    model: str
    """The first candidate, ``provider:model``; empty where there is none."""
    p95_ms: float | None
    by_provider: Mapping[str, int]
    """Calls."""
    fallback_calls: int = 0
    """Of the calls, those that are not the first candidate's."""

    @property
    def slot(self) -> str:
        """``L2.primary``."""
        return f"{self.layer}.{self.role}"


@dataclass(frozen=True, slots=True)
class Weight:
    """All chains of one side."""

    chains: tuple[ChainWeight, ...]

    @property
    def cost(self) -> int:
        """Nano-EUR that the traffic seen costs."""
        return sum(one.cost or 0 for one in self.chains if one.calls)

    @property
    def worst(self) -> int:
        """Nano-EUR that the traffic seen costs at most."""
        return sum(one.worst or 0 for one in self.chains if one.calls)

    @property
    def fallback_pct(self) -> float | None:
        """Share of the calls that stand-ins are asked, in percent; ``None`` without calls."""
        calls = sum(one.calls for one in self.chains)
        return 100 * sum(one.fallback_calls for one in self.chains) / calls if calls else None

    def shares(self) -> dict[str, float]:
        """Percent of the calls by provider."""
        counted: dict[str, int] = {}
        for chain in self.chains:
            for provider, calls in chain.by_provider.items():
                counted[provider] = counted.get(provider, 0) + calls
        total = sum(counted.values())
        return {name: 100 * calls / total for name, calls in sorted(counted.items())} if total else {}


@dataclass(frozen=True, slots=True)
class Projection:
    """The day's traffic before a change and after it."""

    before: Weight
    after: Weight
    traffic: Traffic

    def pairs(self) -> Iterator[tuple[ChainWeight, ChainWeight]]:
        """Each chain before and after."""
        return zip(self.before.chains, self.after.chains, strict=True)

    def figures(self) -> dict[str, str]:
        """Before and after for people: cost, worst case, p95 of slots whose model changes, shares."""
        told: dict[str, str] = {}
        if self.traffic.calls:
            since = self.traffic.shorter
            told[COST] = arrow_eur(self.before.cost, self.after.cost) + since
            told[WORST] = arrow_eur(self.before.worst, self.after.worst) + since
        for old, new in self.pairs():
            if not old.calls and old.worst != new.worst:
                told[f"{new.slot} {_PER_CALL}"] = arrow_eur(old.worst, new.worst)
            if old.model != new.model:
                told[f"{new.slot} p95"] = f"{_ms(old.p95_ms)} → {_ms(new.p95_ms)}"
        was, now = self.before.shares(), self.after.shares()
        if was != now:
            for name in sorted({*was, *now}):
                told[f"{name} share of calls"] = f"{was.get(name, 0):.1f} % → {now.get(name, 0):.1f} %"
        shares = self.before.fallback_pct, self.after.fallback_pct
        if shares[0] != shares[1] and None not in shares:
            told["share of calls that fallbacks answer"] = " → ".join(f"{one:.1f} %" for one in shares)
        told["basis"] = self.traffic.basis
        return told


def projection(before: Side, after: Side, traffic: Traffic) -> Projection:
    """The traffic under both sides. Same sides, same weights; a dearer price never weighs less."""
    flows = {
        (layer, role): _flows(chain_of(before.matrix, layer, role), traffic, layer, role)
        for layer in Layer
        if layer.may_call_models
        for role in _CHAINS
    }
    old = tuple(_weigh(before, layer, role, flow, traffic) for (layer, role), flow in flows.items())
    grown = {key: _grown(before, after, key, flows) for key in flows}
    new = tuple(_weigh(after, layer, role, flow, traffic) for (layer, role), flow in grown.items())
    return Projection(Weight(old), Weight(new), traffic)


def label_of(figure: str) -> str:
    """A figure's name for people: ``cost of the last 24 h, EUR``, ``L2.primary worst case, EUR a call``."""
    words = _LABELS.get(figure) or figure.replace(_PER_CALL, "worst case, EUR a call")
    return words.replace("_", " ")


def arrow_eur(old: int | None, new: int | None) -> str:
    """``4.10 → 6.90`` in EUR."""
    return f"{eur(old)} → {eur(new)}"


def eur(nano: int | None) -> str:
    """EUR for people: two decimals, or as many as show two digits; ``none`` where nobody can be asked."""
    if nano is None:
        return "none"
    amount = decimal_from_nano(nano)
    if amount == 0 or amount >= 1:
        return f"{amount:.2f}"
    return f"{amount:.{min(_LEAST_DIGITS, 1 - amount.adjusted())}f}"


def _ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"  # noqa: PLR2004 - milliseconds of a second


def _flows(chain: tuple[ChainEntry, ...], traffic: Traffic, layer: Layer, role: Role) -> dict[int, Flow]:
    """The chain's traffic by place; a model that does not stand in it counts at the place of its role."""
    roles = {Role.CRITIC.value} if role is Role.CRITIC else {Role.PRIMARY.value, Role.FALLBACK.value}
    found: dict[int, Flow] = {}
    for (its_layer, its_role, provider, model_id), seen in traffic.slots.items():
        if its_layer != layer.value or its_role not in roles:
            continue
        named = [one for one in chain if (one.provider, one.model_id) == (provider, model_id)]
        exact = next((one for one in named if one.role.value == its_role), named[0] if named else None)
        place = exact.position if exact else int(its_role == Role.FALLBACK.value)
        flow = Flow(seen.calls, seen.tokens_in, seen.tokens_cached, seen.tokens_out)
        found[place] = found.get(place, Flow()).plus(flow)
    return {place: flow for place, flow in sorted(found.items()) if flow.calls}


def _grown(
    before: Side, after: Side, key: tuple[Layer, Role], flows: Mapping[tuple[Layer, Role], dict[int, Flow]]
) -> dict[int, Flow]:
    """A critic's traffic where its layer puts more answers before it than before."""
    layer, role = key
    mine, made = flows[key], flows[layer, Role.PRIMARY]
    asked = _policy_share(after, layer)
    if role is not Role.CRITIC or asked <= _policy_share(before, layer) or not made:
        return mine
    judged = _total(made)
    calls = -(-round(asked * 10**6) * judged.calls // 10**6)
    seen = _total(mine)
    if seen.calls:
        return mine if calls <= seen.calls else {0: seen.scaled(calls)}
    part = judged.scaled(calls)
    read = part.tokens_in + part.tokens_out
    return {0: Flow(calls, read, 0, calls * _longest(after, layer))} if calls else mine


def _longest(side: Side, layer: Layer) -> int:
    return max((one.max_output for one in _candidates(side, layer, Role.CRITIC)), default=0)


def _policy_share(side: Side, layer: Layer) -> float:
    config = side.matrix.layers.get(layer) if side.matrix else None
    return 0.0 if config is None else asked_share(settings_of(layer, config, side.phase).critic_policy)


def _total(flows: Mapping[int, Flow]) -> Flow:
    total = Flow()
    for flow in flows.values():
        total = total.plus(flow)
    return total


def _candidates(side: Side, layer: Layer, role: Role) -> list[Candidate]:
    found = []
    models, prices = side.models, side.prices
    for entry in chain_of(side.matrix, layer, role):
        model = models.find(entry.provider, entry.model_id)
        price = prices.find(entry.provider, entry.model_id, side.today)
        if model is not None and model.allowed and price is not None:
            found.append(Candidate(entry, model, price))
    return found


def _weigh(side: Side, layer: Layer, role: Role, flows: Mapping[int, Flow], traffic: Traffic) -> ChainWeight:
    chain = chain_of(side.matrix, layer, role)
    able = _candidates(side, layer, role)
    total = _total(flows)
    first = chain[0] if chain else None
    p95 = traffic.p95_ms(layer.value, first.role.value, first.provider, first.model_id) if first else None
    model = f"{first.provider}:{first.model_id}" if first else ""
    rate = side.budgets.currency if side.budgets else None
    if not able or rate is None:
        return ChainWeight(layer, role, total.calls, None, None, model, p95, {})
    spent, behind, providers = 0, 0, dict[str, int]()
    for place, flow in flows.items():
        one = next((each for each in able if each.entry.position >= place), able[-1])
        usage = Usage(
            input_total=flow.tokens_in,
            output_total=min(flow.tokens_out, flow.calls * one.max_output),
            cache_read=min(flow.tokens_cached, flow.tokens_in),
        )
        spent += cost(_for_calls(one.price, flow.calls), usage, rate.eur_per_usd)
        behind += flow.calls if one.entry.position else 0
        providers[one.entry.provider] = providers.get(one.entry.provider, 0) + flow.calls
    worst = max(_worst(side, one, total) for one in able)
    known = spent if total.calls else None
    return ChainWeight(layer, role, total.calls, known, worst, model, p95, providers, behind)


def _worst(side: Side, one: Candidate, total: Flow) -> int:
    """Every input token at its dearest, every answer in full length; of one call where there was none."""
    if side.budgets is None or side.budgets.currency is None:
        return 0
    calls, read = total.calls or 1, total.tokens_in
    if not total.calls:
        call = side.budgets.call
        most = one.model.context_tokens
        if call is not None and call.max_tokens is not None:
            most = min(most, call.max_tokens)
        read = max(0, most - one.max_output)
    return bound(
        _for_calls(one.price, calls),
        input_tokens=read,
        max_output_tokens=calls * one.max_output,
        eur_per_usd=side.budgets.currency.eur_per_usd,
    )


def _for_calls(price: Price, calls: int) -> Price:
    return replace(price, request_usd=price.request_usd * calls)
