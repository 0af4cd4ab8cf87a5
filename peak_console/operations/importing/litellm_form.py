"""LiteLLM's proxy config: deployments by model name, and which name falls back on which.

Its form: https://docs.litellm.ai/docs/proxy/configs (``model_list``, ``litellm_params``, ``model_info``,
``router_settings.fallbacks``). Prices are USD for a token.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.importing.foreign import (
    HIDDEN,
    PER_TOKEN,
    Foreign,
    ForeignChain,
    ForeignModel,
    Lost,
    items,
    left_over,
    shown,
    table,
    text_of,
    tokens,
    usd_per_mtok,
)

FORM: Final = "litellm"
PREFIXES: Final = {
    "openai": "openai",
    "azure": "azure",
    "azure_ai": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "gemini": "google",
    "vertex_ai": "google",
    "together_ai": "together",
    "mistral": "mistral",
}
"""LiteLLM's provider prefixes, and how we name the provider."""

_OPENAI = re.compile(r"(gpt-|o[0-9]|chatgpt-)")
_ROUTES: Final = ("converse/", "invoke/", "responses/")
_PARAMS: Final = frozenset({"model", "input_cost_per_token", "output_cost_per_token", "api_key"})
_INFO: Final = frozenset(
    {"base_model", "max_input_tokens", "max_tokens", "max_output_tokens", "input_cost_per_token",
     "output_cost_per_token"}
)  # fmt: skip
_REASONS: Final = {
    "api_base": "an address stands in the provider's variable or the slot's base_url, set by hand",
    "rpm": "providers tell their limits with each answer",
    "tpm": "providers tell their limits with each answer",
    "timeout": "timeout_s stands in a slot of the matrix",
    "api_version": "stands in models.toml where the deployment is a classic one",
    "temperature": "sampling stands with the caller",
}


def recognised(data: Mapping[str, Any]) -> bool:
    """Whether a file looks like one."""
    return isinstance(data.get("model_list"), list)


def understood(data: Mapping[str, Any]) -> Foreign:
    """The file in our words. Pure; never raises on what it holds."""
    models: list[ForeignModel] = []
    lost: list[Lost] = []
    for place, raw in enumerate(items(data.get("model_list"))):
        entry, source = table(raw), f"model_list[{place}]"
        name, params = text_of(entry.get("model_name")), table(entry.get("litellm_params"))
        if not text_of(params.get("model")):
            lost.append(Lost(source, one_line(name, 80), "no litellm_params.model"))
            continue
        if any(one.key == name for one in models):
            lost.append(
                Lost(
                    source,
                    one_line(name, 80),
                    "another deployment of the same name: nothing is balanced here",
                )
            )
        models.append(_model(name, source, params, table(entry.get("model_info"))))
        lost += _lost_of(source, entry, params)
    router = table(data.get("router_settings"))
    proxy = table(data.get("litellm_settings"))
    chains = [
        *_fallbacks("router_settings", router.get("fallbacks")),
        *_fallbacks("litellm_settings", proxy.get("fallbacks")),
    ]
    for part, settings in (("router_settings", router), ("litellm_settings", proxy)):
        lost += left_over(part, settings, frozenset({"fallbacks"}), {}, "the proxy's own; ours has its rules")
    known = frozenset({"model_list", "router_settings", "litellm_settings"})
    reasons = {"environment_variables": "variables are set where the worker runs; values are not shown"}
    lost += left_over("", data, known, reasons, "the proxy's own")
    return Foreign(FORM, tuple(models), tuple(chains), tuple(lost))


def _model(name: str, source: str, params: Mapping[str, Any], info: Mapping[str, Any]) -> ForeignModel:
    provider, model_id = split_model(text_of(params.get("model")))
    base, deployment = text_of(info.get("base_model")), None
    if provider == "azure":
        deployment = model_id
        model_id = base.rpartition("/")[2] if base else model_id

    def told(*keys: str) -> Any:
        return next((part[key] for part in (params, info) for key in keys if key in part), None)

    return ForeignModel(
        key=name,
        source=source,
        provider=provider,
        model_id=model_id,
        context_tokens=tokens(info.get("max_input_tokens")),
        max_output_tokens=tokens(info.get("max_output_tokens") or info.get("max_tokens")),
        input_usd_per_mtok=usd_per_mtok(told("input_cost_per_token"), PER_TOKEN),
        output_usd_per_mtok=usd_per_mtok(told("output_cost_per_token"), PER_TOKEN),
        deployment=deployment,
        base_url=text_of(params.get("api_base")) or None,
    )


def split_model(model: str) -> tuple[str, str]:
    """Provider and id of ``provider/model`` as LiteLLM writes it; an unknown prefix stays as it is."""
    prefix, slash, rest = model.partition("/")
    if not slash:
        return ("openai" if _OPENAI.match(model) else ""), model
    provider = PREFIXES.get(prefix.casefold(), prefix.casefold())
    if provider in {"bedrock", "openai"}:
        rest = next((rest.removeprefix(route) for route in _ROUTES if rest.startswith(route)), rest)
    return provider, rest


def _lost_of(source: str, entry: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Lost]:
    yield from _key(source, params)
    if text_of(params.get("model")).startswith("vertex_ai/"):
        why = "reached through Vertex AI there; here through the Gemini API with its own key"
        yield Lost(f"{source}.litellm_params.model", "vertex_ai/", why)
    yield from left_over(f"{source}.litellm_params", params, _PARAMS, _REASONS, "not known here")
    info = table(entry.get("model_info"))
    yield from left_over(f"{source}.model_info", info, _INFO, {}, "not known here")
    for part, held in (("litellm_params", params), ("model_info", info)):
        for key in ("input_cost_per_token", "output_cost_per_token"):
            if key in held and usd_per_mtok(held[key], PER_TOKEN) is None:
                why = "no price above zero that can be kept exactly"
                yield Lost(f"{source}.{part}.{key}", shown(key, held[key]), why)
    known = frozenset({"model_name", "litellm_params", "model_info"})
    yield from left_over(source, entry, known, {}, "not known here")


def _key(source: str, params: Mapping[str, Any]) -> Iterator[Lost]:
    key = params.get("api_key")
    if key is None:
        return
    place = f"{source}.litellm_params.api_key"
    if text_of(key).startswith("os.environ/"):
        yield Lost(
            place, shown("api_key", key), "keys come from the environment under our own variables' names"
        )
    else:
        why = "a key stands in this file in clear text: take it out, and have it replaced at the provider"
        yield Lost(place, HIDDEN, why)


def _fallbacks(part: str, value: Any) -> Iterator[ForeignChain]:
    for place, one in enumerate(items(value)):
        for name, behind in table(one).items():
            named = tuple(text_of(each) for each in items(behind) if text_of(each))
            yield ForeignChain(f"{part}.fallbacks[{place}]", "", name, named, None)
