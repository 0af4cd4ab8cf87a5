"""Where a matrix calls a model, and which of it a lock does not know. Pure.

A lock binds the address: whoever answers there reads prompts and keys, and may say any name in its answer.
Timeouts, caps on tokens and the flag ``degraded`` are not bound; they change nobody who is asked.
"""

from collections.abc import Iterable, Iterator

from peak_console.config.lock import LockedPlace, LockEntry, LockKey
from peak_console.config.matrix import LayerConfig, Matrix, MatrixFile, Slot
from peak_console.domain.vocabulary import Role


def place_of(slot: Slot) -> LockedPlace:
    """Where a slot calls its model, by the matrix; the environment may only say the same from shadow on."""
    # not validated again: a slot of the matrix was, and what was not is compared as it is
    return LockedPlace.model_construct(base_url=slot.base_url, deployment=slot.deployment)


def places_of(matrix: Matrix | MatrixFile | None, key: LockKey) -> tuple[LockedPlace, ...]:
    """Where a matrix calls a model in a slot, each place once; none where it does not name it there."""
    layer, role, provider, model_id = key
    config = matrix.layers.get(layer) if isinstance(matrix, Matrix) else getattr(matrix, layer.value, None)
    found = (one for one in _slots(config, role) if (one.provider, one.model_id) == (provider, model_id))
    return tuple(dict.fromkeys(place_of(one) for one in found))


def all_places(matrix: Matrix | None) -> dict[LockKey, tuple[LockedPlace, ...]]:
    """Every place of a matrix, by slot and model, in the order of layers."""
    found: dict[LockKey, tuple[LockedPlace, ...]] = {}
    for layer, config in () if matrix is None else matrix.layers.items():
        for role in Role:
            for slot in _slots(config, role):
                key = (layer, role, slot.provider, slot.model_id)
                found[key] = tuple(dict.fromkeys((*found.get(key, ()), place_of(slot))))
    return found


def unlocked(entry: LockEntry, places: Iterable[LockedPlace]) -> tuple[LockedPlace, ...]:
    """The places at which a model was not verified."""
    return tuple(one for one in places if one not in entry.places)


def _slots(config: object, role: Role) -> Iterator[Slot]:
    """A layer's own slots of a role; a critic that is a service stands in the layer that serves."""
    if not isinstance(config, LayerConfig):
        return
    if role is Role.FALLBACK:
        yield from config.fallback
        return
    slot = config.primary if role is Role.PRIMARY else config.critic
    if isinstance(slot, Slot):
        yield slot
