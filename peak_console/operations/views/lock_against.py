"""A matrix's text against the lock: slot by slot what works there, what was verified, and what is another."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.budget.prices import Price
from peak_console.config.lint.schema import validate
from peak_console.config.lock import Lock, LockedPlace, LockEntry, LockKey
from peak_console.config.lock_places import unlocked
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.registry import ModelEntry, ModelRegistry, ModelsFile
from peak_console.config.sources import KEYS, MAIN_FILES, read_either, read_keys
from peak_console.config.verifying import (
    Standing,
    judged,
    price_differs,
    registry_differs,
    standing,
    suffices,
    trouble_of,
)
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.operations.views.matrix import Place
from peak_console.operations.views.matrix_places import places_of

_REGISTRY: Final = ("family", "endpoint", "context_tokens", "max_output_tokens")
_PRICES: Final = {
    "input_usd_per_mtok": "input $/Mtok",
    "output_usd_per_mtok": "output $/Mtok",
    "cache_read_usd_per_mtok": "cache read $/Mtok",
    "cache_write_usd_per_mtok": "cache write $/Mtok",
    "request_usd": "request $",
    "hosted_call_usd": "hosted call $",
}


@dataclass(frozen=True, slots=True)
class SlotAgainst:
    """One slot of the text beside the lock."""

    slot: str
    """``L2.fallback 1``; without a number where the layer has one."""
    model: str
    """``provider:model`` as the text has it; empty where the text has none."""
    locked: tuple[str, ...]
    """What the lock has verified for that layer and role; of fallbacks all of them."""
    standing: Standing
    enough: bool
    """Whether it may work in the phase."""
    changes: tuple[str, ...] = ()
    """What address, registry or prices are now, where they were others when it was verified."""


@dataclass(frozen=True, slots=True)
class LockAgainst:
    """A text beside the lock in its place."""

    phase: PhaseLevel
    digest: str = ""
    """SHA-256 of the lock; empty where there is none."""
    words: str = ""
    """Who signed it and until when it holds, or why it does not count."""
    remedy: str = ""
    slots: tuple[SlotAgainst, ...] = ()
    unused: tuple[str, ...] = ()
    """Entries of the lock that the text does not use."""
    broken: str = ""
    """Why the text is no TOML: its slots are then those that could be read of it."""

    @property
    def differing(self) -> tuple[SlotAgainst, ...]:
        """The slots in which text and lock disagree."""
        return tuple(one for one in self.slots if one.standing not in {Standing.VERIFIED, Standing.ATTESTED})


def against_lock(ws: Workspace, text: str, phase: PhaseLevel, now: datetime) -> LockAgainst:
    """``text`` of a matrix against the lock on disk, as registry and prices on disk stand. Never raises."""
    read = {kind: read_either(ws.root, MAIN_FILES[kind])[0] for kind in ("lock", "models", "prices")}
    models, prices = validate("models", read["models"])[0], validate("prices", read["prices"])[0]
    registry = ModelRegistry.of(models if isinstance(models, ModelsFile) else ModelsFile(), "")
    table = PriceTable.of(prices if isinstance(prices, PricesFile) else PricesFile(), "")
    lock = judged(read["lock"], read_keys(ws.root / KEYS))
    places, broken = places_of(text, str(MAIN_FILES["matrix"]))
    return compared(lock, places, registry, table, phase, now, broken)


def compared(  # noqa: PLR0917 - what a verdict stands on
    lock: Lock | None,
    places: tuple[Place, ...],
    models: ModelRegistry,
    prices: PriceTable,
    phase: PhaseLevel,
    now: datetime,
    broken: str = "",
) -> LockAgainst:
    """The slots of a text against a lock. Pure."""
    named = [one for one in places if one.model_id]
    called = _called(named)
    slots = tuple(
        _slot(
            lock, one, called, models.find(one.provider, one.model_id), _price(prices, one, now), phase, now
        )
        for one in named
    )
    if lock is None:
        remedy = 'write one: peak lock write --reason "..."'
        words = "there is no lock of verified models"
        return LockAgainst(phase, words=words, remedy=remedy, slots=slots, broken=broken)
    unused = tuple(one.name for key, one in lock.entries.items() if key not in called)
    trouble = trouble_of(lock, now)
    until = f", until {lock.expires_at:%Y-%m-%d}" if lock.expires_at else ""
    words = trouble.message if trouble is not None else f"signed by {lock.signer}{until}"
    remedy = trouble.remedy if trouble is not None else ""
    return LockAgainst(phase, lock.digest, words, remedy, slots, unused, broken)


def _key(place: Place) -> LockKey:
    return Layer(place.layer), Role(place.role), place.provider, place.model_id


def _called(named: Iterable[Place]) -> dict[LockKey, tuple[LockedPlace, ...]]:
    """Where the text calls each model of a slot; as it is written, valid or not."""
    found: dict[LockKey, tuple[LockedPlace, ...]] = {}
    for one in named:
        where = LockedPlace.model_construct(base_url=one.base_url, deployment=one.deployment)
        found[_key(one)] = tuple(dict.fromkeys((*found.get(_key(one), ()), where)))
    return found


def _price(prices: PriceTable, place: Place, now: datetime) -> Price | None:
    return prices.find(place.provider, place.model_id, now.date())


def _slot(  # noqa: PLR0917 - as above
    lock: Lock | None,
    place: Place,
    called: Mapping[LockKey, tuple[LockedPlace, ...]],
    model: ModelEntry | None,
    price: Price | None,
    phase: PhaseLevel,
    now: datetime,
) -> SlotAgainst:
    key = layer, role, *_ = _key(place)
    where = called[key]
    found = standing(lock, key, model, price, now, places=where)
    entries = tuple(lock.entries.values()) if lock is not None else ()
    locked = tuple(
        f"{one.provider}:{one.model_id}" for one in entries if (one.layer, one.role) == (layer, role)
    )
    entry = lock.entries.get(key) if lock is not None else None
    changes = tuple(_changes(entry, model, price, where)) if entry is not None else ()
    number = f" {place.position + 1}" if place.role == Role.FALLBACK and place.count > 1 else ""
    name = f"{place.layer}.{place.role}{number}"
    model_name = f"{place.provider}:{place.model_id}"
    return SlotAgainst(name, model_name, locked, found, suffices(found, phase), changes)


def _changes(
    entry: LockEntry, model: ModelEntry | None, price: Price | None, where: Iterable[LockedPlace]
) -> Iterator[str]:
    verified = "; ".join(one.words for one in entry.places)
    for one in unlocked(entry, where):
        yield f"address: {verified} → {one.words}"
    if model is None:
        yield "registry: the entry is gone"
    elif registry_differs(entry, model):
        told = [
            f"registry: {name} {getattr(entry.registry, name)} → {getattr(model, name)}"
            for name in _REGISTRY
            if str(getattr(entry.registry, name)) != str(getattr(model, name))
        ]
        yield from told or ["registry: another entry than when it was verified"]
    if price is None:
        yield "price: there is none now"
    elif price_differs(entry, price):
        for name, words in _PRICES.items():
            old, new = getattr(entry.price, name), getattr(price, name)
            if old != new:
                yield f"price: {words} {_told(old)} → {_told(new)}"


def _told(value: object) -> str:
    return "none" if value is None else str(value)
