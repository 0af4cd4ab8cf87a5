"""What is to be checked of providers: each address, and what of matrix and registry goes there. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from peak_console.config.configs import Configs
from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import ModelEntry
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS, Adapter


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one provider, and what of the matrix and the registry goes there."""

    provider: str
    adapter: Adapter
    base_url: str | None
    origin: str
    """Where the address stands: ``environment``, ``matrix`` or ``built in``."""
    in_matrix: bool
    """Whether the matrix names this very address."""
    slots: tuple[ChainEntry, ...] = ()
    used: tuple[ModelEntry, ...] = ()
    """Registry entries of the slots."""
    others: tuple[ModelEntry, ...] = ()
    """The provider's other allowed models."""


def known_providers() -> tuple[str, ...]:
    """The providers there are adapters for, in the order of the table."""
    return tuple(dict.fromkeys(provider for provider, _ in ADAPTERS))


def targets(configs: Configs, credentials: Credentials, provider: str | None = None) -> list[Target]:
    """What is to be checked: each address of each provider that the matrix uses, or of ``provider`` alone."""
    slots = list(_slots(configs))
    names = [provider] if provider else list(dict.fromkeys(slot.provider for slot in slots))
    return [target for name in names for target in _targets_of(name, slots, configs, credentials)]


def unspoken(configs: Configs) -> tuple[str, ...]:
    """Providers that the matrix names and that nobody speaks to: nothing about them can be found out."""
    named = dict.fromkeys(slot.provider for slot in _slots(configs))
    return tuple(name for name in named if name not in known_providers())


def _slots(configs: Configs) -> Iterator[ChainEntry]:
    for layer in Layer:
        config = configs.matrix.layers.get(layer)
        if config is None:
            continue
        roles = [Role.PRIMARY] if config.primary or config.fallback else []
        for role in [*roles, *([Role.CRITIC] if config.critic else [])]:
            entries = configs.matrix.chain(layer, role)
            yield from (entry for entry in entries if entry.layer is layer)


def _targets_of(
    provider: str, slots: Sequence[ChainEntry], configs: Configs, credentials: Credentials
) -> Iterator[Target]:
    adapters = [one for (name, _), one in ADAPTERS.items() if name == provider]
    if not adapters:
        return
    adapter = next((one for one in adapters if one.signs), adapters[0])
    override = credentials.base_urls().get(provider)
    own = credentials.address(adapter)
    used = [slot for slot in slots if slot.provider == provider]
    by_address: dict[tuple[str | None, str], list[ChainEntry]] = {}
    for slot in used:
        origin = "environment" if override else "matrix" if slot.base_url else "built in"
        by_address.setdefault((override or slot.base_url or own, origin), []).append(slot)
    if not used:
        by_address[override or own, "environment" if override else "built in"] = []
    taken = {(slot.provider, slot.model_id) for slot in used}
    others = [
        one
        for one in configs.models
        if one.provider == provider and one.allowed and (provider, one.model_id) not in taken
    ]
    for place, ((url, origin), here) in enumerate(by_address.items()):
        entries = [configs.models.find(slot.provider, slot.model_id) for slot in here]
        yield Target(
            provider=provider,
            adapter=adapter,
            base_url=url,
            origin=origin,
            in_matrix=any(slot.base_url == url for slot in here),
            slots=tuple(here),
            used=tuple(dict.fromkeys(entry for entry in entries if entry is not None)),
            others=tuple(others) if place == 0 else (),
        )
