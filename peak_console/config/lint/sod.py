"""Rules of separation of duties (decision 10): no model judges its own work, whoever stands in for whom."""

from collections.abc import Iterator

from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import fallback_path
from peak_console.config.lint.schema import dotted
from peak_console.config.matrix import LayerConfig, Slot, served_by, settings_of
from peak_console.config.positions import Path
from peak_console.domain.vocabulary import Layer, PhaseLevel, SodRule
from peak_console.policy.sod import ModelIdentity, sod_conflict

_Placed = tuple[Path, Slot]


def within_layer(inspection: Inspection) -> Iterator[Hit]:
    """``sod.within_layer``: a layer's critic against its primary and fallbacks."""
    for layer, config in inspection.layers():
        if isinstance(config.critic, Slot):
            judges: list[_Placed] = [((layer.value, "critic"), config.critic)]
            yield from _conflicts(inspection, "sod.within_layer", layer, config, judges)


def across_layers(inspection: Inspection) -> Iterator[Hit]:
    """``sod.across_layers``: a layer's producers against the service that judges them, and its critic."""
    layers = dict(inspection.layers())
    for layer, config in layers.items():
        for service in sorted(_services(layer, config, inspection.phase) & layers.keys()):
            judging = layers[service]
            judges = _producers(inspection, service, judging)
            if isinstance(judging.critic, Slot):
                judges.append(((service.value, "critic"), judging.critic))
            yield from _conflicts(inspection, "sod.across_layers", layer, config, judges)


def _services(layer: Layer, config: LayerConfig, phase: PhaseLevel) -> set[Layer]:
    """The other layers that judge this one's output: its critic service, and L4 for L2 from shadow on."""
    services = {service for service in [served_by(config)] if service is not None}
    if layer is Layer.L2 and phase.at_least(PhaseLevel.SHADOW):
        services.add(Layer.L4)
    return services - {layer}


def _conflicts(
    inspection: Inspection, rule: str, layer: Layer, config: LayerConfig, judges: list[_Placed]
) -> Iterator[Hit]:
    sod = settings_of(layer, config, inspection.phase).sod
    for proposer_path, proposer in _producers(inspection, layer, config):
        for judge_path, judge in judges:
            ours, theirs = _identity(inspection, proposer), _identity(inspection, judge)
            if sod is SodRule.FAMILY and not (ours.family and theirs.family):
                continue  # registry.model_unknown says it
            if sod_conflict(sod, ours, theirs) is None:
                continue
            message = (
                f"{dotted(judge_path)} ({judge.provider}:{judge.model_id}) would judge the work of "
                f"{dotted(proposer_path)} ({proposer.provider}:{proposer.model_id}): the same {sod.value}"
            )
            yield inspection.hit(rule, "matrix", (*judge_path, "model_id"), message)


def _producers(inspection: Inspection, layer: Layer, config: LayerConfig) -> list[_Placed]:
    placed: list[_Placed] = [((layer.value, "primary"), config.primary)] if config.primary else []
    return placed + [
        (fallback_path(inspection, layer, index), slot) for index, slot in enumerate(config.fallback)
    ]


def _identity(inspection: Inspection, slot: Slot) -> ModelIdentity:
    entry = inspection.model(slot.provider, slot.model_id)
    return ModelIdentity(slot.provider, slot.model_id, entry.family if entry else "")
