"""Rules of the matrix: its layers, its chains, its references."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.schema import GATE_LAYERS, dotted
from peak_console.config.matrix import LayerConfig, ServiceRef, Slot, default_critic_policy, settings_of
from peak_console.config.positions import Path
from peak_console.domain.vocabulary import Layer, PhaseLevel

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def missing_primary(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.missing_primary``: L0 to L4 must each have one (decision 4)."""
    data = inspection.data("matrix")
    if inspection.document("matrix").data is None:
        return
    for layer in Layer:
        config = data.get(layer.value)
        present = isinstance(config, Mapping) and "primary" in config
        if layer.may_call_models and not present:
            yield inspection.hit(
                "matrix.missing_primary", "matrix", (layer.value,), f"{layer} has no primary model"
            )


def model_on_gate_layer(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.model_on_gate_layer``: L5 and L6 are deterministic."""
    data = inspection.data("matrix")
    for layer in GATE_LAYERS:
        config = data.get(layer)
        if config is None:
            continue
        keys = [key for key in config if key != "note"] if isinstance(config, Mapping) else [""]
        for key in keys:
            path: Path = (layer, key) if key else (layer,)
            message = f"{dotted(path)}: {layer} is deterministic and holds no model and no setting"
            fix = Fix(f"take {dotted(path)} out", (Change(path, ABSENT),))
            yield inspection.hit("matrix.model_on_gate_layer", "matrix", path, message, fix=fix)


def chain_rules(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.fallback_equals_primary``, ``matrix.duplicate_candidate``, ``matrix.degraded_primary``."""
    for layer, config in inspection.layers():
        yield from _repeated(inspection, layer, config)
        if config.primary is not None and config.primary.degraded:
            path = (layer.value, "primary", "degraded")
            message = f"{layer}.primary is marked degraded; only a stand-in can be"
            fix = Fix("take the flag out", (Change(path, ABSENT),))
            yield inspection.hit("matrix.degraded_primary", "matrix", path, message, fix=fix)


def _repeated(inspection: Inspection, layer: Layer, config: LayerConfig) -> Iterator[Hit]:
    seen: dict[tuple[str, str], str] = {}
    if config.primary is not None:
        seen[identity(config.primary)] = f"{layer}.primary"
    for index, slot in enumerate(config.fallback):
        path = fallback_path(inspection, layer, index)
        first = seen.get(identity(slot))
        seen.setdefault(identity(slot), dotted(path))
        if first is None:
            continue
        rule = "fallback_equals_primary" if first.endswith(".primary") else "duplicate_candidate"
        message = f"{dotted(path)} is {slot.provider}:{slot.model_id}, as {first} is"
        fix = Fix(f"take {dotted(path)} out", (Change(path, ABSENT),))
        yield inspection.hit(f"matrix.{rule}", "matrix", (*path, "model_id"), message, fix=fix)


def service_rules(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.service_unresolved`` and ``matrix.service_loop``."""
    references = {
        layer: config.critic.service
        for layer, config in inspection.layers()
        if isinstance(config.critic, ServiceRef)
    }
    producing = {layer.value for layer, config in inspection.layers() if config.primary is not None}
    for layer, service in references.items():
        path = (layer.value, "critic", "service")
        if service not in producing:
            message = f"{layer}.critic is the service {service!r}, and no layer of that name has a primary"
            yield inspection.hit("matrix.service_unresolved", "matrix", path, message)
        elif (circle := _circle(layer, references)) is not None:
            message = f"{layer}.critic leads back to itself: {' → '.join(circle)}"
            yield inspection.hit("matrix.service_loop", "matrix", path, message)


def _circle(start: Layer, references: Mapping[Layer, str]) -> list[str] | None:
    way = [start.value]
    while (following := references.get(Layer(way[-1]))) is not None and following in set(Layer):
        way.append(following)
        if following == start:
            return way
        if way.count(following) > 1:
            return None
    return None


def critics(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.critic_missing`` and ``matrix.critic_policy_weak``: L3, and L2 from shadow on (decision 8)."""
    for layer, config in inspection.layers():
        if default_critic_policy(layer, inspection.phase) != "always":
            continue
        if config.critic is None and "critic" not in inspection.data("matrix").get(layer.value, {}):
            message = f"{layer} is always judged in this phase, and has no critic"
            yield inspection.hit("matrix.critic_missing", "matrix", (layer.value,), message)
        policy = settings_of(layer, config, inspection.phase).critic_policy
        if policy != "always":
            message = (
                f"{layer}: critic_policy is {policy} in {inspection.phase}; its critic must always be asked"
            )
            path = (layer.value, "critic_policy")
            fix = _always(layer, config, inspection.phase)
            yield inspection.hit("matrix.critic_policy_weak", "matrix", path, message, fix=fix)


def _always(layer: Layer, config: LayerConfig, phase: PhaseLevel) -> Fix:
    """The critic asked always: in the layer where no phase says otherwise, else from this phase on."""
    by_phase = any(one.critic_policy is not None for one in config.phases.values())
    plainly = not by_phase and default_critic_policy(layer, PhaseLevel.RESEARCH) == "always"
    path: Path = (layer.value,) if plainly else (layer.value, "phases", phase.value)
    place = (*path, "critic_policy")
    return Fix(f'write {dotted(place)} = "always"', (Change(place, "always"),))


def plain_http(inspection: Inspection) -> Iterator[Hit]:
    """``matrix.base_url_plain_http``: keys and prompts would travel unencrypted."""
    for path, slot in slots(inspection):
        if slot.base_url is None or not slot.base_url.startswith("http://"):
            continue
        if _host(slot.base_url) not in _LOOPBACK:
            message = f"{dotted(path)}.base_url is not https and not on this machine"
            place = (*path, "base_url")
            fix = Fix("write https", (Change(place, slot.base_url.replace("http://", "https://", 1)),))
            yield inspection.hit("matrix.base_url_plain_http", "matrix", place, message, fix=fix)


def slots(inspection: Inspection) -> Iterator[tuple[Path, Slot]]:
    """Every slot of the matrix that holds a model, with its path in the file."""
    return iter(inspection.once("slots", lambda: list(_slots(inspection))))


def _slots(inspection: Inspection) -> Iterator[tuple[Path, Slot]]:
    for layer, config in inspection.layers():
        if config.primary is not None:
            yield (layer.value, "primary"), config.primary
        for index, slot in enumerate(config.fallback):
            yield fallback_path(inspection, layer, index), slot
        if isinstance(config.critic, Slot):
            yield (layer.value, "critic"), config.critic


def fallback_path(inspection: Inspection, layer: Layer, index: int) -> Path:
    """The path of a fallback: a lone table has no index in the file."""
    raw = inspection.data("matrix").get(layer.value, {}).get("fallback")
    return (layer.value, "fallback", index) if isinstance(raw, list) else (layer.value, "fallback")


def identity(slot: Slot) -> tuple[str, str]:
    """What makes two candidates the same."""
    return slot.provider, slot.deployment or slot.model_id


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
