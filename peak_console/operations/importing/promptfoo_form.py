"""Promptfoo's list of providers: the models an organisation evaluates.

Its form: https://promptfoo.dev/docs/providers (``providers`` or ``targets``: texts such as
``openai:chat:gpt-5-mini``, tables with ``id`` and ``config``, or tables whose only key is the id).
"""

from collections.abc import Mapping
from typing import Any, Final

from peak_console.domain.text import one_line
from peak_console.operations.importing.foreign import (
    Foreign,
    ForeignModel,
    Lost,
    items,
    left_over,
    table,
    text_of,
)

FORM: Final = "promptfoo"
PROVIDERS: Final = {
    "openai": "openai",
    "azure": "azure",
    "azureopenai": "azure",
    "bedrock": "bedrock",
    "google": "google",
    "vertex": "google",
    "mistral": "mistral",
    "togetherai": "together",
    "together": "together",
}
"""Promptfoo's providers, and how we name them."""

_KINDS: Final = frozenset({"chat", "responses", "completion", "messages", "converse"})
_REASONS: Final = {
    "apiKey": "keys come from the environment; take it out of the file and have it replaced",
    "max_tokens": "max_output_tokens stands in a slot of the matrix",
    "temperature": "sampling stands with the caller",
}


def recognised(data: Mapping[str, Any]) -> bool:
    """Whether a file looks like one."""
    return isinstance(data.get("providers"), list | str) or isinstance(data.get("targets"), list | str)


def understood(data: Mapping[str, Any]) -> Foreign:
    """The file in our words. Pure; never raises on what it holds."""
    models: list[ForeignModel] = []
    lost: list[Lost] = []
    for part in ("providers", "targets"):
        held = data.get(part)
        for place, raw in enumerate([held] if isinstance(held, str) else items(held)):
            source = f"{part}[{place}]"
            name, entry = _named(raw)
            if not name:
                lost.append(Lost(source, "", "no id of a provider"))
                continue
            provider, model_id = split_id(name)
            models.append(ForeignModel(text_of(entry.get("label")) or name, source, provider, model_id))
            config = table(entry.get("config"))
            lost += left_over(f"{source}.config", config, frozenset(), _REASONS, "not known here")
            lost += left_over(source, entry, frozenset({"id", "config", "label"}), {}, "for evaluations only")
    lost += left_over("", data, frozenset({"providers", "targets"}), {}, "for evaluations only")
    return Foreign(FORM, tuple(models), (), tuple(lost))


def _named(raw: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(raw, str):
        return raw, {}
    entry = table(raw)
    if "id" not in entry and len(entry) == 1:
        ((name, inner),) = entry.items()
        return name, table(inner)
    return text_of(entry.get("id")), entry


def split_id(name: str) -> tuple[str, str]:
    """Provider and model of an id such as ``openai:chat:gpt-5-mini``; an unknown provider stays as it is."""
    head, _, rest = name.partition(":")
    kind, colon, model = rest.partition(":")
    if colon and kind in _KINDS:
        rest = model
    provider = PROVIDERS.get(head.casefold(), one_line(head.casefold(), 40))
    return provider, rest
