"""Rules of providers' interfaces: what an entry of the registry, or a slot, asks of one."""

from collections import Counter
from collections.abc import Iterator

from peak_console.config.editing.changes import Change
from peak_console.config.interfaces import INTERFACES, PARAMETERS
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import slots
from peak_console.config.lint.replacing import replacement
from peak_console.config.lint.schema import dotted
from peak_console.config.positions import Path
from peak_console.config.registry import Endpoint, ModelEntry


def entries(inspection: Inspection) -> Iterator[Hit]:
    """The rules that one entry of the registry can break by itself."""
    for index, entry in enumerate(inspection.models.model if inspection.models else ()):
        path: Path = ("model", index)
        name = f"{entry.provider}:{entry.model_id}"
        for rule, key, message, remedy in _entry(entry, name):
            yield inspection.hit(f"interface.{rule}", "models", (*path, *key), message, remedy)


def _entry(entry: ModelEntry, name: str) -> Iterator[tuple[str, Path, str, str]]:
    spoken = INTERFACES.get(entry.provider, ())
    if entry.endpoint not in spoken:
        known = ", ".join(spoken) or "none"
        message = f"{name}: {entry.endpoint} of {entry.provider} is not spoken here"
        remedy = f"write one of: {known}" if spoken else f"there is no adapter for {entry.provider}"
        yield "endpoint_unspoken", ("endpoint",), message, remedy
    for place, parameter in enumerate(entry.refuses):
        if parameter not in PARAMETERS:
            message = f"{name}: no call has a parameter {parameter}"
            yield "parameter_unknown", ("refuses", place), message, f"known: {', '.join(PARAMETERS)}"
    responses = entry.endpoint is Endpoint.RESPONSES
    if entry.background and not responses:
        message = f"{name} answers on {entry.endpoint}, which has no background mode"
        yield "background_unspoken", ("background",), message, ""
    if entry.hosted_tools and not responses:
        message = f"{name} answers on {entry.endpoint}, where no provider-run tool can be sent"
        yield "hosted_tool_unspoken", ("hosted_tools",), message, ""
    for tool, times in Counter(one.name for one in entry.hosted_tools).items():
        if times > 1:
            yield "hosted_tool_repeated", ("hosted_tools",), f"{name}: {tool} stands {times} times", ""
    if entry.api_version is not None and (entry.provider, entry.endpoint) != ("azure", Endpoint.CHAT):
        message = f"{name} is no classic chat deployment of azure, so its api_version is never sent"
        yield "api_version_unused", ("api_version",), message, ""


def unpriced_tools(inspection: Inspection) -> Iterator[Hit]:
    """``interface.hosted_tool_unpriced``: a tool the provider runs, whose run has no price today."""
    table = inspection.price_table()
    if inspection.models is None or table is None:
        return
    for index, entry in enumerate(inspection.models.model):
        price = table.find(entry.provider, entry.model_id, inspection.today)
        if entry.hosted_tools and price is not None and price.hosted_call_usd is None:
            tools = ", ".join(dict.fromkeys(one.name for one in entry.hosted_tools))
            message = (
                f"prices.toml has no hosted_call_usd today for {entry.provider}:{entry.model_id} ({tools})"
            )
            path = ("model", index, "hosted_tools")
            yield inspection.hit("interface.hosted_tool_unpriced", "models", path, message)


def ambiguous_deployments(inspection: Inspection) -> Iterator[Hit]:
    """``interface.deployment_ambiguous``: one name, two models of one provider."""
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(inspection.models.model if inspection.models else ()):
        for place, name in enumerate(entry.deployments):
            first = seen.setdefault((entry.provider, name), entry.model_id)
            if first != entry.model_id:
                message = f"{entry.provider}: {name} is a deployment of {first} and of {entry.model_id}"
                path = ("model", index, "deployments", place)
                yield inspection.hit("interface.deployment_ambiguous", "models", path, message)


def slot_deployments(inspection: Inspection) -> Iterator[Hit]:
    """``interface.deployment_unknown`` and ``interface.deployment_missing``, slot by slot."""
    for path, slot in slots(inspection):
        entry = inspection.model(slot.provider, slot.model_id)
        if entry is None:
            continue
        known = ", ".join(entry.deployments)
        name = f"{slot.provider}:{slot.model_id}"
        remedy = f"name one of: {known}" if known else ""
        if slot.deployment is not None and slot.deployment not in entry.deployments:
            message = f"{dotted(path)}: {slot.deployment} is no deployment of {name} in models.toml"
            place = (*path, "deployment")
            fix = _only(place, entry)
            yield inspection.hit("interface.deployment_unknown", "matrix", place, message, remedy, fix=fix)
        elif slot.deployment is None and slot.provider == "azure" and slot.model_id not in entry.deployments:
            message = f"{dotted(path)} names no deployment of {name}"
            fix = _only((*path, "deployment"), entry)
            place = (*path, "model_id")
            yield inspection.hit("interface.deployment_missing", "matrix", place, message, remedy, fix=fix)


def _only(path: Path, entry: ModelEntry) -> Fix | None:
    """The deployment of a model that has just one."""
    if len(entry.deployments) != 1:
        return None
    return Fix(f"name {entry.deployments[0]}", (Change(path, entry.deployments[0]),))


def moving_aliases(inspection: Inspection) -> Iterator[Hit]:
    """``interface.alias_moves``: a ``-latest`` name of Mistral in a slot."""
    for path, slot in slots(inspection):
        if slot.provider != "mistral" or not slot.model_id.endswith("-latest"):
            continue
        message = f"{dotted(path)}: {slot.provider}:{slot.model_id} is an alias that moves"
        entries = list(_pinned(inspection, slot.model_id))
        pinned = ", ".join(one.model_id for one in entries)
        remedy = f"pin a dated id of the registry: {pinned}" if pinned else ""
        fix = replacement(inspection, path, entries)
        yield inspection.hit("interface.alias_moves", "matrix", (*path, "model_id"), message, remedy, fix=fix)


def _pinned(inspection: Inspection, alias: str) -> Iterator[ModelEntry]:
    """The allowed models of an alias's family that are no alias themselves."""
    family = entry.family if (entry := inspection.model("mistral", alias)) is not None else None
    for one in inspection.models.model if inspection.models else ():
        same = one.allowed and (one.provider, one.family) == ("mistral", family)
        if same and not one.model_id.endswith("-latest"):
            yield one
