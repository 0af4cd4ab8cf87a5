"""A model registry in TOML, as organisations write it: models by key, and which layer uses which.

The form is that of the public repository rauterfrank-ui/Peak_Trade, ``config/model_registry.toml``: tables
``[models.<key>]`` with prices in USD for a thousand tokens, ``[layer_mapping.L0]`` to ``L6``, and policies.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.importing.foreign import (
    NOBODY,
    PER_THOUSAND,
    Foreign,
    ForeignChain,
    ForeignModel,
    Lost,
    left_over,
    shown,
    table,
    text_of,
    tokens,
    usd_per_mtok,
)

FORM: Final = "registry"
_GATES: Final = ("L5", "L6")
_MODEL: Final = frozenset(
    {"provider", "model_id", "family", "context_window", "max_output_tokens", "cost_per_1k_input",
     "cost_per_1k_output", "status"}
)  # fmt: skip
_LAYER: Final = frozenset({"layer_id", "primary", "fallback", "critic"})
_IN_USE: Final = frozenset({"", "production", "active", "stable", "ga", "preview", "beta"})

_SAID: Final = "for readers; our files have no place for it"
_MODEL_REASONS: Final = {
    "description": _SAID,
    "notes": _SAID,
    "capabilities": _SAID,
    "use_cases": "which layer uses a model stands in the matrix alone",
    "latency_p50_ms": "latency is measured, not configured: peak models show MODEL",
    "latency_p99_ms": "latency is measured, not configured: peak models show MODEL",
    "rate_limit_rpm": "providers tell their limits with each answer; [day] max_calls_per_min binds all calls",
    "deployment": "where a provider has deployments, name them in models.toml",
}
_LAYER_REASONS: Final = {
    "description": _SAID,
    "notes": _SAID,
    "autonomy": "autonomy stands in the capability scopes: peak import scopes DIR",
}
_TOP_REASONS: Final = {
    "registry": _SAID,
    "audit": "the ledger records every call, and its record has no settings",
}


def recognised(data: Mapping[str, Any]) -> bool:
    """Whether a file looks like one."""
    models = table(data.get("models"))
    return "layer_mapping" in data or any(
        isinstance(one, dict) and "model_id" in one for one in models.values()
    )


def understood(data: Mapping[str, Any]) -> Foreign:
    """The file in our words. Pure; never raises on what it holds."""
    models: list[ForeignModel] = []
    lost: list[Lost] = []
    for key, entry in table(data.get("models")).items():
        name = one_line(key, 80)
        if isinstance(entry, dict):
            models.append(_model(key, name, entry))
            lost += _lost_of_model(name, entry)
        else:
            lost.append(Lost(f"models.{name}", shown(key, entry), "a model is a table"))
    mapping = table(data.get("layer_mapping"))
    chains = [_chain(layer, table(one)) for layer, one in mapping.items() if layer not in _GATES]
    for layer, one in mapping.items():
        lost += left_over(
            f"layer_mapping.{one_line(layer, 40)}", table(one), _LAYER, _LAYER_REASONS, "not known here"
        )
    known = frozenset({"models", "layer_mapping", "budget", "fallback_policy"})
    lost += left_over("", data, known, _TOP_REASONS, "not known here")
    lost += _policies(data)
    return Foreign(
        FORM,
        tuple(models),
        tuple(chains),
        tuple(lost),
        table(data.get("registry")).get("effective_date"),
        {layer: _gate(table(mapping[layer])) for layer in _GATES if layer in mapping},
    )


def _model(key: str, name: str, entry: Mapping[str, Any]) -> ForeignModel:
    return ForeignModel(
        key=key,
        source=f"models.{name}",
        provider=text_of(entry.get("provider")).strip().casefold(),
        model_id=text_of(entry.get("model_id")),
        family=text_of(entry.get("family")) or None,
        context_tokens=tokens(entry.get("context_window")),
        max_output_tokens=tokens(entry.get("max_output_tokens")),
        input_usd_per_mtok=usd_per_mtok(entry.get("cost_per_1k_input"), PER_THOUSAND),
        output_usd_per_mtok=usd_per_mtok(entry.get("cost_per_1k_output"), PER_THOUSAND),
        in_use=text_of(entry.get("status")).casefold() in _IN_USE,
    )


def _lost_of_model(name: str, entry: Mapping[str, Any]) -> Iterator[Lost]:
    source = f"models.{name}"
    yield from left_over(source, entry, _MODEL, _MODEL_REASONS, "not known here")
    for key in ("cost_per_1k_input", "cost_per_1k_output"):
        if key in entry and usd_per_mtok(entry[key], PER_THOUSAND) is None:
            yield Lost(
                f"{source}.{key}", shown(key, entry[key]), "no price above zero that can be kept exactly"
            )
    for key in ("context_window", "max_output_tokens"):
        if key in entry and tokens(entry[key]) is None:
            yield Lost(f"{source}.{key}", shown(key, entry[key]), "not a number of tokens")


def _chain(layer: str, entry: Mapping[str, Any]) -> ForeignChain:
    fallback = entry.get("fallback")
    named = fallback if isinstance(fallback, list) else [fallback]
    return ForeignChain(
        source=f"layer_mapping.{one_line(layer, 40)}",
        layer=layer,
        primary=_slot(entry.get("primary")),
        fallback=None if "fallback" not in entry else tuple(one for one in map(_slot, named) if one),
        critic=_slot(entry.get("critic")),
    )


def _slot(value: Any) -> str | None:
    name = text_of(value).strip()
    return None if name.casefold() in NOBODY else name


def _gate(entry: Mapping[str, Any]) -> tuple[str, ...]:
    chain = _chain("", entry)
    return tuple(one for one in (chain.primary, *(chain.fallback or ()), chain.critic) if one)


def _policies(data: Mapping[str, Any]) -> Iterator[Lost]:
    budget = table(data.get("budget"))
    reasons = {
        "daily_cost_limit_usd": "our limits are in EUR and stay: [day] max_cost_eur of budgets.toml",
        "monthly_cost_limit_usd": "our limits are in EUR and stay: [month] max_cost_eur of budgets.toml",
        "alert_threshold_pct": "our warning stays: warn_pct of budgets.toml",
    }
    yield from left_over("budget", budget, frozenset(), reasons, "budgets are not imported")
    policy = table(data.get("fallback_policy"))
    for key, value in policy.items():
        name = f"fallback_policy.{one_line(key, 80)}"
        if isinstance(value, dict):
            order = value.get("fallback_order")
            if order is not None:
                yield Lost(f"{name}.fallback_order", shown("order", order), _order(data, key, order))
            yield from left_over(name, value, frozenset({"fallback_order"}), {}, "the router's rule stands")
        else:
            yield Lost(name, shown(key, value), "the router's own retries stand, and it always fails closed")


def _order(data: Mapping[str, Any], layer: str, order: Any) -> str:
    """Whether the order that a policy names is the one the mapping gives."""
    chain = _chain(layer, table(table(data.get("layer_mapping")).get(layer)))
    mapped = [one for one in (chain.primary, *(chain.fallback or ())) if one]
    same = isinstance(order, list) and order == mapped
    return "said by layer_mapping already" if same else "contradicts layer_mapping, which is taken"
