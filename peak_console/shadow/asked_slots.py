"""A slot that a test of drift asks: who should answer there, and the record of what was found of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peak_console.config.configs import Configs
from peak_console.config.jobs import SlotName
from peak_console.config.lock import LockEntry
from peak_console.config.matrix import Slot
from peak_console.domain.calls import CallResult
from peak_console.domain.drift import Tier
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.vocabulary import Layer, Role
from peak_console.shadow.working import Working


@dataclass(frozen=True, slots=True)
class AskedSlot:
    """A slot of the matrix and the model that stands first in it."""

    layer: Layer
    role: Role
    provider: str
    model_id: str

    @property
    def name(self) -> str:
        """As people name it: ``L2.primary openai:gpt-5-mini``."""
        return f"{self.layer}.{self.role} {self.provider}:{self.model_id}"

    def answered(self, answer: CallResult) -> bool:
        """Whether the slot's own model gave an answer, and not one that stood in for it."""
        return (answer.provider, answer.model_id) == (self.provider, self.model_id)

    def entry(self, configs: Configs) -> LockEntry | None:
        """What the lock says of the model in this slot; ``None`` without a sound lock that knows it."""
        lock = configs.lock
        if lock is None or not lock.sound:
            return None
        return lock.find(self.layer, self.role, self.provider, self.model_id)


def slot_of(configs: Configs, name: SlotName) -> AskedSlot | None:
    """The slot of a name; ``None`` where the matrix has no model of its own in it."""
    config = configs.matrix.layers.get(name.layer)
    if config is None:
        return None
    first = config.fallback[0] if config.fallback else None
    slot = {Role.PRIMARY: config.primary, Role.FALLBACK: first, Role.CRITIC: config.critic}[name.role]
    if not isinstance(slot, Slot):
        return None
    return AskedSlot(name.layer, name.role, slot.provider, slot.model_id)


async def record(
    working: Working, slot: AskedSlot, tier: Tier, run_id: str, found: Mapping[str, Any]
) -> None:
    """Append ``drift.checked`` for a slot's model; raises as appending does."""
    names = {
        "layer": slot.layer.value,
        "role": slot.role.value,
        "provider": slot.provider,
        "model_id": slot.model_id,
    }
    body = {"tier": tier.value, **names, **found, "job": working.job.name, "key": working.key}
    event_id = new_event_id(working.random, working.clock.now())
    await working.client.record(EventDraft(event_id, EventKind.DRIFT_CHECKED, body, run_id=run_id, **names))


async def spread(works: Sequence[Callable[[], Awaitable[None]]], width: int) -> None:
    """Do all of ``works``, ``width`` at a time; the first that raises ends the others, and is raised."""
    waiting = iter(works)

    async def some() -> None:
        for work in waiting:
            await work()

    tasks = [asyncio.ensure_future(some()) for _ in range(min(width, len(works)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
