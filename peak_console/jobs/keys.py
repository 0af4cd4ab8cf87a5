"""The key of a run: its job and when it was due. Unique, and the same for whoever computes it. Pure."""

import hashlib
from typing import Any, Final

from peak_console.config.jobs import Job
from peak_console.domain.canonical import canonical, digest
from peak_console.domain.clock import from_iso, from_unix_us, iso, unix_us
from peak_console.domain.ids import EventId, crockford

_SECOND_US: Final = 1_000_000


def run_key(job: str, due_us: int) -> str:
    """``<job>@<due, ISO 8601 in UTC>``: whole seconds without a fraction, others with microseconds."""
    text = iso(from_unix_us(due_us))
    return f"{job}@{text if due_us % _SECOND_US else text[:19] + 'Z'}"


def parse_key(key: str) -> tuple[str, int] | None:
    """The job and due time of a key, in microseconds since 1970; ``None`` for what is no key."""
    job, at, text = key.partition("@")
    try:
        due_us = unix_us(from_iso(text)) if job and at else None
    except (ValueError, TypeError):
        return None
    return None if due_us is None or run_key(job, due_us) != key else (job, due_us)


def definition_digest(job: Job) -> str:
    """What tells one definition from another: all of it but the name and what people read."""
    told = job.model_dump(mode="json", exclude={"name", "description", "tags"})
    return digest(_without_floats(told))


def event_id_of(*parts: object) -> EventId:
    """The id of an event that is told once, however often a node tries: the same for the same parts."""
    told = hashlib.sha256(canonical([str(one) for one in parts])).digest()
    return EventId("ev_" + crockford(told[:15]))


def jitter_us(job: str, due_us: int, jitter_s: int) -> int:
    """How long after it is due a run begins: from 0 to ``jitter_s``, the same for the same run always."""
    if jitter_s <= 0:
        return 0
    told = hashlib.sha256(f"{job}@{due_us}".encode()).digest()
    return int.from_bytes(told[:8], "big") % (jitter_s * _SECOND_US + 1)


def _without_floats(value: Any) -> Any:
    """Decimals and floats as text, as canonical JSON wants them."""
    if isinstance(value, dict):
        return {name: _without_floats(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(one) for one in value]
    return str(value) if isinstance(value, float) else value
