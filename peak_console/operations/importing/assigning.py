"""What a file assigns to layers, in the matrix: the draft takes the file's, where it may be used. Pure."""

from collections.abc import Iterator, Mapping

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.matrix import LayerConfig, ServiceRef, Slot
from peak_console.config.positions import Path
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer
from peak_console.operations.importing.foreign import ForeignChain, ForeignModel, Lost
from peak_console.operations.importing.proposal import OURS, SHOWN, THEIRS, Conflict, Mapped, Proposal
from peak_console.operations.workbench.sides import Side


class Names:
    """What the file's names mean: its own models, else a registered one; never a guess."""

    def __init__(
        self, usable: Mapping[str, ForeignModel], named: tuple[ForeignModel, ...], side: Side
    ) -> None:
        self._usable, self._side = usable, side
        self._refused = tuple(one for one in named if one.key not in usable)

    def find(self, name: str) -> tuple[tuple[str, str] | None, str]:
        """Provider and model id, with how the name was read; or ``None`` with why it was not."""
        own = self._usable.get(name)
        if own is not None:
            return (own.provider, own.model_id), ""
        for alike, how in ((str, ""), (_plainly, "read as ")):
            found = {
                (one.provider, one.model_id)
                for one in self._usable.values()
                if alike(name) in {alike(one.key), alike(one.model_id)}
            }
            if len(found) == 1:
                ((provider, model_id),) = found
                return (provider, model_id), f"{how}{provider}:{model_id}" if how else ""
            if found:
                return None, f"the name means several: {', '.join(sorted(':'.join(one) for one in found))}"
            if any(alike(name) in {alike(one.key), alike(one.model_id)} for one in self._refused):
                return None, "its model was not taken over"
        return self._here(name)

    def _here(self, name: str) -> tuple[tuple[str, str] | None, str]:
        here = sorted(
            (one.provider, one.model_id)
            for one in self._side.models
            if name in {one.model_id, f"{one.provider}:{one.model_id}"}
        )
        providers = {one.provider for one in self._usable.values()}
        if len(here) > 1:  # the one of a provider that the file speaks of
            here = [one for one in here if one[0] in providers] or here
        if len(here) == 1:
            return here[0], "registered here, not in the file"
        meant = ", ".join(":".join(one) for one in here)
        return None, f"the name means several: {meant}" if here else "no model of that name"


def _plainly(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())


class Assigning:
    """Takes over chains, one after the other."""

    def __init__(self, side: Side, names: Names, proposal: Proposal) -> None:
        self._held = dict(side.inspection.layers())
        self._names, self._proposal = names, proposal

    def chain(self, chain: ForeignChain) -> None:
        """Take over one chain: into the layer it names, or into all whose primary it is."""
        for layer, config in self._layers(chain):
            if chain.primary is not None and chain.layer:
                self._slot(chain, (layer.value, "primary"), config.primary, chain.primary)
            self._critic(chain, layer, config)
            if chain.fallback is not None:
                self._fallbacks(chain, layer, config)

    def gate(self, gate: str, named: tuple[str, ...]) -> None:
        """What the file says of L5 or L6: nothing, or a conflict."""
        source = f"layer_mapping.{gate}"
        if not named:
            self._proposal.mapped.append(Mapped(source, "matrix", gate, "no model, ever"))
            return
        told = one_line(", ".join(named), SHOWN)
        why = "the gate layers are deterministic and never hold a model"
        self._proposal.conflicts.append(Conflict(source, "matrix", gate, "no model, ever", told, OURS, why))

    def _layers(self, chain: ForeignChain) -> Iterator[tuple[Layer, LayerConfig]]:
        if chain.layer:
            layer = next((one for one in Layer if one.value == chain.layer), None)
            if layer is None or not layer.may_call_models:
                why = "there is no layer of that name that holds models"
                self._proposal.lost.append(Lost(chain.source, one_line(chain.layer, 40), why))
            else:
                yield layer, self._held.get(layer, LayerConfig())
            return
        wanted, why = self._names.find(chain.primary or "")
        found = [
            (layer, config)
            for layer, config in self._held.items()
            if wanted and config.primary and (config.primary.provider, config.primary.model_id) == wanted
        ]
        if not found:
            told = why if wanted is None else "it is no layer's primary here"
            value = f"{chain.primary} → {', '.join(chain.fallback or ())}"
            self._proposal.lost.append(Lost(chain.source, one_line(value, SHOWN), told))
        yield from found

    def _critic(self, chain: ForeignChain, layer: Layer, config: LayerConfig) -> None:
        if isinstance(config.critic, ServiceRef) and chain.critic is not None:
            why = "another layer serves as critic here, and stays"
            theirs = one_line(chain.critic, SHOWN)
            self._proposal.conflicts.append(
                Conflict(chain.source, "matrix", f"{layer}.critic", _name(config.critic), theirs, OURS, why)
            )
        elif chain.critic is not None:
            ours = config.critic if isinstance(config.critic, Slot) else None
            self._slot(chain, (layer.value, "critic"), ours, chain.critic)
        elif chain.layer and config.critic is not None:
            why = "the file names no critic; a critic is not taken away by an import"
            self._proposal.conflicts.append(
                Conflict(chain.source, "matrix", f"{layer}.critic", _name(config.critic), "none", OURS, why)
            )

    def _fallbacks(self, chain: ForeignChain, layer: Layer, config: LayerConfig) -> None:
        """The fallbacks in their order; what is not usable is left out, the last one never taken away."""
        held, place = list(config.fallback), 0
        for theirs in chain.fallback or ():
            ours = held[place] if place < len(held) else None
            place += self._slot(chain, (layer.value, "fallback", place), ours, theirs)
        for rest in range(len(held) - 1, place - 1, -1):
            last = place == 0
            why = (
                "a layer's last fallback is not taken away by an import"
                if last
                else "the file names fewer fallbacks; the draft takes the file's"
            )
            taken, ours_name = (OURS if last else THEIRS), _name(held[rest])
            key = f"{layer}.fallback[{rest}]"
            self._proposal.conflicts.append(
                Conflict(chain.source, "matrix", key, ours_name, "none", taken, why)
            )
            if not last:
                self._proposal.change("matrix", Change((layer.value, "fallback", rest), ABSENT))

    def _slot(self, chain: ForeignChain, path: Path, ours: Slot | None, theirs: str) -> bool:
        """One slot taken over; whether it could be."""
        key = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).removeprefix(".")
        found, how = self._names.find(theirs)
        if found is None:
            kept = f"; {_name(ours)} stays" if ours else ""
            lost = Lost(f"{chain.source} {key}", one_line(theirs, SHOWN), f"{how}{kept}")
            self._proposal.lost.append(lost)
            return False
        name = ":".join(found)
        if ours is not None and _name(ours) == name:
            self._proposal.mapped.append(Mapped(chain.source, "matrix", key, f"{name}, the same here"))
            return True
        if ours is None:
            self._proposal.change("matrix", Change(path, {"provider": found[0], "model_id": found[1]}))
        else:
            self._proposal.change("matrix", *_replaced(path, ours, found))
            why = "the draft takes the file's; everything else of the slot stays"
            self._proposal.conflicts.append(
                Conflict(chain.source, "matrix", key, _name(ours), name, THEIRS, why)
            )
        self._proposal.mapped.append(Mapped(chain.source, "matrix", key, f"{name} ({how})" if how else name))
        return True


def _replaced(path: Path, ours: Slot, found: tuple[str, str]) -> Iterator[Change]:
    """Another model in a slot; an address or deployment was the old model's and goes with it."""
    yield Change((*path, "provider"), found[0])
    yield Change((*path, "model_id"), found[1])
    if ours.base_url is not None:
        yield Change((*path, "base_url"), ABSENT)
    if ours.deployment is not None:
        yield Change((*path, "deployment"), ABSENT)


def _name(slot: Slot | ServiceRef | None) -> str:
    if slot is None:
        return "none"
    return f"service {slot.service}" if isinstance(slot, ServiceRef) else f"{slot.provider}:{slot.model_id}"
