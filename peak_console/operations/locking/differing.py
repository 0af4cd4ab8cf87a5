"""How two locks differ: entry by entry, and in each what is another. Pure but for reading them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.lock import Lock, LockEntry
from peak_console.config.workspace import Workspace
from peak_console.operations.locking.showing import PREVIOUS, lock_named, show

_OWN: Final = "the provider's own address"
"""A place without an address or a deployment."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One value of a lock that is another; ``None`` where there is none."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that came (``added``), went (``removed``) or is another (``changed``)."""

    how: str
    name: str
    values: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True)
class LockDiff:
    """How one lock differs from another."""

    old: str
    new: str
    head: tuple[Changed, ...]
    entries: tuple[EntryChange, ...]

    @property
    def same(self) -> bool:
        """Whether they say the same."""
        return not self.head and not self.entries

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "old": self.old,
            "new": self.new,
            "same": self.same,
            "lock": [_json(one) for one in self.head],
            "entries": [
                {"how": one.how, "entry": one.name, "values": [_json(value) for value in one.values]}
                for one in self.entries
            ],
        }


def differ(ws: Workspace, first: str | None = None, second: str | None = None) -> LockDiff:
    """``first`` against ``second``, each a digest, a prefix or ``previous``.

    Without ``second`` the lock in its place; without both that against the one before. Raises as
    :func:`peak_console.operations.locking.showing.lock_named`.
    """
    new = show(ws, second).lock
    return compared(lock_named(ws, first or PREVIOUS), new)


def compared(old: Lock, new: Lock) -> LockDiff:
    """How ``new`` differs from ``old``."""
    heads = [_flat(one.file.lock.model_dump(mode="json")) if one.file else {} for one in (old, new)]
    entries = []
    for key in sorted({*old.entries, *new.entries}):
        before, after = old.entries.get(key), new.entries.get(key)
        if before is None and after is not None:
            entries.append(EntryChange("added", after.name, tuple(_told(after))))
        elif after is None and before is not None:
            entries.append(EntryChange("removed", before.name))
        elif before is not None and after is not None and before != after:
            flat = [_flat(one.model_dump(mode="json")) for one in (before, after)]
            entries.append(EntryChange("changed", after.name, tuple(_changes(*flat))))
    return LockDiff(old.digest, new.digest, tuple(_changes(*heads)), tuple(entries))


def _told(entry: LockEntry) -> Iterator[Changed]:
    """What somebody looks at first in an entry that came."""
    yield Changed("evidence.kind", None, entry.evidence.kind.value)
    yield Changed("price.input_usd_per_mtok", None, str(entry.price.input_usd_per_mtok))
    yield Changed("price.output_usd_per_mtok", None, str(entry.price.output_usd_per_mtok))


def _changes(old: dict[str, str], new: dict[str, str]) -> Iterator[Changed]:
    for what in [*new, *(one for one in old if one not in new)]:
        if old.get(what) != new.get(what):
            yield Changed(what, old.get(what), new.get(what))


def _flat(data: dict[str, Any], above: str = "") -> dict[str, str]:
    """Values by their dotted path; lists as one text; what is ``None`` is not there."""
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{key}.")
        elif isinstance(value, list):
            found[above + key] = ", ".join(_one(one) for one in value)
        elif value is not None:
            found[above + key] = str(value)
    return {key: value for key, value in found.items() if value}


def _one(value: Any) -> str:
    """Digests by their first digits; addresses and names whole."""
    if not isinstance(value, dict):
        return str(value)
    told = [str(one) for one in value.values() if one is not None]
    return "/".join(one[:12] if re.fullmatch(r"[0-9a-f]{64}", one) else one for one in told) or _OWN


def _json(one: Changed) -> dict[str, Any]:
    return {"what": one.what, "old": one.old, "new": one.new}
