"""What a careful operator would ask about before the assignment of models changes. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from peak_console.config.lint.sod import across_layers, within_layer
from peak_console.config.lock import LockedPlace
from peak_console.config.lock_places import all_places, places_of
from peak_console.config.matrix import ChainEntry, LayerConfig, Matrix, settings_of
from peak_console.config.verifying import Standing, judged, standing
from peak_console.critic.slots import CriticMode, CriticPolicy
from peak_console.domain.errors import CallRefused, ConfigInvalid
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role, SodRule
from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side

Verified = Callable[[Side, ChainEntry], bool]
"""Whether the lock vouches for a candidate in its slot."""

Judge = Callable[[Side, ChainEntry], Standing]
"""What the lock says of a candidate in its slot."""

_CHAINS: Final = (Role.PRIMARY, Role.CRITIC)
_STRENGTH: Final = {SodRule.MODEL: 0, SodRule.FAMILY: 1, SodRule.PROVIDER: 2}
_SHOWN: Final = 6
_VERIFIED: Final = frozenset({Standing.VERIFIED, Standing.ATTESTED})


def verified_at(now: datetime) -> Verified:
    """By the lock: it is sound, holds at ``now``, and knows the model in this slot as it now is."""
    judge = standing_at(now)
    return lambda side, entry: judge(side, entry) in _VERIFIED


def standing_at(now: datetime) -> Judge:
    """What the lock says at ``now``, of the model in this slot as it now is."""
    locks = {}

    def told(side: Side, entry: ChainEntry) -> Standing:
        document = side.inspection.sources.main.get("lock")
        if document is None:
            return Standing.NO_LOCK
        if document.sha256 not in locks:
            locks[document.sha256] = judged(document, side.inspection.sources.keys)
        key = (entry.layer, entry.role, entry.provider, entry.model_id)
        model = side.models.find(entry.provider, entry.model_id)
        price = side.prices.find(entry.provider, entry.model_id, side.today)
        places = places_of(side.matrix, key)
        return standing(locks[document.sha256], key, model, price, now, places=places)

    return told


def chain_of(matrix: Matrix | None, layer: Layer, role: Role) -> tuple[ChainEntry, ...]:
    """The slots of a layer's own chain; empty where it has none, or where another layer serves."""
    if matrix is None or not layer.may_call_models:
        return ()
    try:
        chain = matrix.chain(layer, role)
    except CallRefused:
        return ()
    return tuple(one for one in chain if one.layer is layer)


def only_verified_removed(before: Side, after: Side, verified: Verified) -> Iterator[Concern]:
    """A chain that had verified candidates and has none any more."""
    for layer in Layer:
        for role in _CHAINS:
            held = [one for one in chain_of(before.matrix, layer, role) if verified(before, one)]
            kept = [one for one in chain_of(after.matrix, layer, role) if verified(after, one)]
            if held and not kept:
                names = ", ".join(f"{one.provider}:{one.model_id}" for one in held)
                slot = f"{layer}.{role}"
                yield Concern(
                    "only_verified_removed",
                    f"{slot} loses its only verified candidate ({names}): from shadow on it cannot be called",
                    {f"verified in {slot}": f"{len(held)} → 0"},
                )


def sod_weakened(before: Side, after: Side) -> Iterator[Concern]:
    """A layer's rule asks for less than before, or a judge is now what it judges."""
    for layer, old, new in _layers(before, after):
        lower = [
            (phase, settings_of(layer, old, phase).sod, settings_of(layer, new, phase).sod)
            for phase in _from(before.phase)
            if _STRENGTH[settings_of(layer, new, phase).sod] < _STRENGTH[settings_of(layer, old, phase).sod]
        ]
        for phase, was, now in lower[:1]:
            yield Concern(
                "sod_weakened",
                f"{layer} asks for less difference between proposer and critic than before (in {phase})",
                {f"{layer}.sod": f"{was} → {now}"},
            )
    alike, were = _conflicts(after), _conflicts(_under_rules_of(after, before))
    if added := sorted(alike - were):
        more = len(added) - _SHOWN
        yield Concern(
            "sod_weakened",
            "; ".join(added[:_SHOWN]) + (f"; and {more} more" if more > 0 else ""),
            {"judges that are what they judge": f"{len(were)} → {len(alike)}"},
        )


def fallback_lost(before: Side, after: Side) -> Iterator[Concern]:
    """A layer had something to fall back on, and has not any more."""
    for layer, old, new in _layers(before, after):
        if old.fallback and not new.fallback and new.primary is not None:
            yield Concern(
                "fallback_lost",
                f"{layer} loses its last fallback: when its primary fails, nobody answers",
                {f"{layer} fallbacks": f"{len(old.fallback)} → 0"},
            )


def critic_weakened(before: Side, after: Side) -> Iterator[Concern]:
    """A layer's output is put before a critic less often, or no critic is left, or a cap on verdicts went."""
    for layer, old, new in _layers(before, after):
        if old.critic is not None and new.critic is None:
            figures = {f"{layer}.critic": "set → none"}
            yield Concern("critic_weakened", f"{layer} has no critic of its own any more", figures)
        for phase in _from(before.phase):
            was = settings_of(layer, old, phase).critic_policy
            now = settings_of(layer, new, phase).critic_policy
            if asked_share(now) < asked_share(was):
                yield Concern(
                    "critic_weakened",
                    f"{layer} puts fewer answers before its critic than before (in {phase})",
                    {f"{layer}.critic_policy": f"{was} → {now}"},
                )
                break
        yield from _caps_lifted(layer, old, new)


def _caps_lifted(layer: Layer, old: LayerConfig, new: LayerConfig) -> Iterator[Concern]:
    capped = {(one.provider, one.model_id) for one in old.fallback if one.degraded}
    for slot in new.fallback:
        if (slot.provider, slot.model_id) in capped and not slot.degraded:
            yield Concern(
                "critic_weakened",
                f"verdicts of {slot.provider}:{slot.model_id} in {layer} are not capped at REVIEW any more",
                {f"{layer} degraded": "true → false"},
            )


def asked_share(policy: str) -> float:
    """The share of answers that a critic policy puts before the critic without further cause, 0 to 1."""
    try:
        read = CriticPolicy.of(policy)
    except ConfigInvalid:
        return 0.0
    return {CriticMode.ALWAYS: 1.0, CriticMode.SAMPLED: float(read.rate)}.get(read.mode, 0.0)


def guards_lowered(before: Side, after: Side) -> Iterator[Concern]:
    """Something forbidden to all layers is so no more, or a provider is newly allowed."""
    if before.matrix is None or after.matrix is None:
        return
    old, new = before.matrix.global_, after.matrix.global_
    for key in ("forbidden_providers", "forbidden_model_prefixes"):
        gone = sorted(set(getattr(old, key)) - set(getattr(new, key)))
        if gone:
            yield Concern(
                "forbidden_removed",
                f"global.{key} no longer names {', '.join(gone)}",
                {f"global.{key}": f"{len(getattr(old, key))} → {len(getattr(new, key))} entries"},
            )
    added = sorted(set(new.allowed_providers) - set(old.allowed_providers))
    if added:
        yield Concern(
            "provider_allowed",
            f"slots may newly name {', '.join(added)}",
            {
                "global.allowed_providers": f"{len(old.allowed_providers)} → "
                f"{len(new.allowed_providers)} entries"
            },
        )


def address_changed(before: Side, after: Side) -> Iterator[Concern]:
    """A slot calls its model elsewhere than before, or a new model elsewhere than at its provider's."""
    old, told, figures = all_places(before.matrix), [], {}
    for key, places in all_places(after.matrix).items():
        layer, role, provider, model_id = key
        were = old.get(key, (LockedPlace(),))
        for one in (place for place in places if place not in were):
            slot = f"{layer}.{role} {provider}:{model_id}"
            told.append(f"{slot} at {one.words}")
            figures[f"{slot} is called at"] = f"{', '.join(place.words for place in were)} → {one.words}"
    if told:
        more = len(told) - _SHOWN
        yield Concern(
            "address_changed",
            "prompts and the provider's key go to another address or deployment than before: "
            + "; ".join(told[:_SHOWN])
            + (f"; and {more} more" if more > 0 else ""),
            figures,
        )


def _conflicts(side: Side) -> set[str]:
    hits = (*within_layer(side.inspection), *across_layers(side.inspection))
    return {hit.message for hit in hits}


def _under_rules_of(rules: Side, side: Side) -> Side:
    """``side`` with the separation rules of another: a stricter rule makes nobody alike who was not."""
    told, file = rules.inspection.matrix, side.inspection.matrix
    if told is None or file is None:
        return side
    changed = {}
    for layer, config in side.inspection.layers():
        other = getattr(told, layer.value, None)
        if isinstance(other, LayerConfig):
            changed[layer.value] = config.model_copy(update={"sod": other.sod, "phases": other.phases})
    shapes = {**side.inspection.shapes, "matrix": file.model_copy(update=changed)}
    return replace(side, inspection=replace(side.inspection, shapes=shapes))


def _layers(before: Side, after: Side) -> Iterator[tuple[Layer, LayerConfig, LayerConfig]]:
    """The layers that hold models before and after, as they were and as they are."""
    old, new = before.matrix, after.matrix
    if old is not None and new is not None:
        for layer in Layer:
            if layer in old.layers and layer in new.layers:
                yield layer, old.layers[layer], new.layers[layer]


def _from(phase: PhaseLevel) -> Iterator[PhaseLevel]:
    return (one for one in PhaseLevel if one.at_least(phase))
