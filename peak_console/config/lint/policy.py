"""Rules of policy: the hard deny on every name a config holds, and the guards of the matrix's ``[global]``.

They walk the raw data, so that a file which breaks the schema as well cannot hide a forbidden model.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from peak_console.config.document import Document
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.replacing import nearest
from peak_console.config.lint.schema import dotted
from peak_console.config.positions import Path
from peak_console.policy.deny import hard_deny
from peak_console.policy.guards import guard

_NAMES: Final = {
    "provider": "provider",
    "model_id": "model_id",
    "model": "model_id",
    "family": "family",
    "upstream": "family",
    "deployment": "deployment",
    "deployments": "deployment",
    "base_url": "base_url",
    "endpoint_url": "base_url",
    "url": "base_url",
    "successor": "model_id",
    "echoes": "model_id",
    "allowed_providers": "provider",
}
"""Keys that name a provider, a model or an address, and which name the hard deny is asked about."""

_RULES: Final = {
    "forbidden_provider": "policy.forbidden_provider",
    "forbidden_model": "policy.forbidden_model",
    "forbidden_base_url": "policy.forbidden_base_url",
    "provider_not_allowed": "policy.provider_not_allowed",
}
_FORBIDDING: Final = ("forbidden_providers", "forbidden_model_prefixes")
_REMEDIES: Final = {
    "forbidden_provider": "name another provider; no setting can allow this one",
    "forbidden_model": "name another model; no setting can allow this one",
    "forbidden_base_url": "name another address; no setting can allow this one",
}


def hard_denials(inspection: Inspection) -> Iterator[Hit]:
    """``policy.forbidden_*``: the hard deny, on every file that names models."""
    for document in inspection.sources.documents():
        for path, field, text in names_in(document.data or {}):
            denial = hard_deny(**{field: text})
            if denial is not None:
                rule, message = _RULES[denial.rule], f"{dotted(path)}: {denial.message}"
                fix = _another(inspection, document, path)
                place, remedy = document.place(path), _REMEDIES[denial.rule]
                yield Hit(rule, document.name, place, message, remedy, fix)


def _another(inspection: Inspection, document: Document, path: Path) -> Fix | None:
    """The nearest allowed model in the place of a forbidden one in a slot; a list's element is taken out."""
    if isinstance(path[-1], int):
        return Fix(f"take {dotted(path)} out", (Change(path, ABSENT),))
    if document is not inspection.document("matrix"):
        return None
    if path[-1] == "base_url":
        return Fix("take the address out", (Change(path, ABSENT),))
    for slot_path, slot in slots_in(document.data or {}):
        if path[:-1] == slot_path and "model_id" in slot:
            return nearest(inspection, slot_path, str(slot["provider"]), str(slot["model_id"]))
    return None


def names_in(data: Any, path: Path = (), field: str = "") -> Iterator[tuple[Path, str, str]]:
    """Every text that names a provider, model or address: its path, the deny's field, the text."""
    if isinstance(data, Mapping):
        for key, inner in data.items():
            if key in _FORBIDDING:
                continue
            yield from names_in(inner, (*path, key), _NAMES.get(key.lower(), ""))
    elif isinstance(data, list):
        for index, inner in enumerate(data):
            yield from names_in(inner, (*path, index), field)
    elif isinstance(data, str) and field:
        yield path, field, data


def guards(inspection: Inspection) -> Iterator[Hit]:
    """``policy.provider_not_allowed``, and what ``[global]`` forbids besides the code."""
    rules = inspection.data("matrix").get("global")
    rules = rules if isinstance(rules, Mapping) else {}
    allowed = _texts(rules.get("allowed_providers"))
    for path, slot in slots_in(inspection.data("matrix")):
        provider, model_id = slot.get("provider"), slot.get("model_id")
        if not isinstance(provider, str) or not isinstance(model_id, str):
            continue
        denial = guard(
            provider=provider,
            model_id=model_id,
            allowed_providers=allowed,
            forbidden_providers=_texts(rules.get("forbidden_providers")),
            forbidden_model_prefixes=_texts(rules.get("forbidden_model_prefixes")),
            family=_family(inspection, provider, model_id),
            deployment=slot["deployment"] if isinstance(slot.get("deployment"), str) else "",
        )
        if denial is None or (denial.rule == "provider_not_allowed" and not allowed):
            continue  # the empty list is one finding, not one for each slot
        if hard_deny(provider=provider, model_id=model_id) is not None:
            continue  # said already, and more strongly
        key = "provider" if denial.field == "provider" else denial.field
        key = key if key in slot else "model_id"
        fix = nearest(inspection, path, provider, model_id)
        document, message = inspection.document("matrix"), f"{dotted(path)}: {denial.message}"
        yield Hit(_RULES[denial.rule], document.name, document.place((*path, key)), message, fix=fix)


def empty_allow_list(inspection: Inspection) -> Iterator[Hit]:
    """``policy.empty_allow_list``: nobody is allowed, so every call is denied."""
    rules = inspection.data("matrix").get("global")
    if isinstance(rules, Mapping) and not _texts(rules.get("allowed_providers")):
        path = ("global", "allowed_providers") if "allowed_providers" in rules else ("global",)
        yield inspection.hit(
            "policy.empty_allow_list",
            "matrix",
            path,
            "global.allowed_providers is empty: every call is denied",
            fix=_those_used(inspection),
        )


def _those_used(inspection: Inspection) -> Fix | None:
    """The providers that the slots name, as far as none is forbidden."""
    named = dict.fromkeys(slot.get("provider") for _, slot in slots_in(inspection.data("matrix")))
    used = [one for one in named if isinstance(one, str) and hard_deny(provider=one) is None]
    path = ("global", "allowed_providers")
    return Fix(f"list {', '.join(used)}", (Change(path, used),)) if used else None


def slots_in(matrix: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every table of the raw matrix that stands where a slot may, whatever layer it is under."""
    for layer, config in matrix.items():
        if layer == "global" or not isinstance(config, Mapping):
            continue
        for role, slot in config.items():
            if isinstance(slot, Mapping) and "provider" in slot:
                yield (layer, role), slot
            elif isinstance(slot, list):
                for index, inner in enumerate(slot):
                    if isinstance(inner, Mapping) and "provider" in inner:
                        yield (layer, role, index), inner


def _family(inspection: Inspection, provider: str, model_id: str) -> str:
    entry = inspection.model(provider, model_id)
    return entry.family if entry else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
