"""Who judges whose work: every pair of slots that separation of duties speaks of (decision 10)."""

from collections.abc import Iterator
from dataclasses import dataclass

from peak_console.config.lint.inspection import Inspection
from peak_console.config.lint.layers import fallback_path
from peak_console.config.matrix import LayerConfig, Slot, served_by, settings_of
from peak_console.config.positions import Path
from peak_console.domain.vocabulary import Layer, PhaseLevel, SodRule
from peak_console.policy.sod import ModelIdentity, sod_conflict

Placed = tuple[Path, Slot]


@dataclass(frozen=True, slots=True)
class Duty:
    """One slot's work judged by another's model, and what must differ between the two."""

    rule: str
    """``sod.within_layer`` or ``sod.across_layers``."""
    sod: SodRule
    proposer: Placed
    judge: Placed

    def broken(self, ours: ModelIdentity, theirs: ModelIdentity) -> bool:
        """Whether these two may not propose and judge. A family nobody knows is told by another rule."""
        if self.sod is SodRule.FAMILY and not (ours.family and theirs.family):
            return False
        return sod_conflict(self.sod, ours, theirs) is not None


def duties(inspection: Inspection) -> Iterator[Duty]:
    """All of them: a layer's critic over its chain, and the services of other layers with their critics."""
    layers = dict(inspection.layers())
    for layer, config in layers.items():
        sod = settings_of(layer, config, inspection.phase).sod
        judges: list[tuple[str, Placed]] = []
        if isinstance(config.critic, Slot):
            judges.append(("sod.within_layer", ((layer.value, "critic"), config.critic)))
        for service in sorted(_services(layer, config, inspection.phase) & layers.keys()):
            judging = layers[service]
            judges += [("sod.across_layers", one) for one in producers(inspection, service, judging)]
            if isinstance(judging.critic, Slot):
                judges.append(("sod.across_layers", ((service.value, "critic"), judging.critic)))
        for proposer in producers(inspection, layer, config):
            for rule, judge in judges:
                yield Duty(rule, sod, proposer, judge)


def producers(inspection: Inspection, layer: Layer, config: LayerConfig) -> list[Placed]:
    """A layer's primary and its fallbacks, each with its place."""
    placed: list[Placed] = [((layer.value, "primary"), config.primary)] if config.primary else []
    return placed + [
        (fallback_path(inspection, layer, index), slot) for index, slot in enumerate(config.fallback)
    ]


def identity_of(inspection: Inspection, slot: Slot) -> ModelIdentity:
    """What separation of duties compares; the family is the registry's."""
    entry = inspection.model(slot.provider, slot.model_id)
    return ModelIdentity(slot.provider, slot.model_id, entry.family if entry else "")


def _services(layer: Layer, config: LayerConfig, phase: PhaseLevel) -> set[Layer]:
    """The other layers that judge this one's output: its critic service, and L4 for L2 from shadow on."""
    services = {service for service in [served_by(config)] if service is not None}
    if layer is Layer.L2 and phase.at_least(PhaseLevel.SHADOW):
        services.add(Layer.L4)
    return services - {layer}
