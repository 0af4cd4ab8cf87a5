"""Every version of a config: when it was in force, who put it there and why, its text, and how two differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from peak_console.config.control import ChangeRules, ControlConfig
from peak_console.config.editing.differing import key_changes, text_diff
from peak_console.config.editing.targets import Target
from peak_console.config.sources import MAIN_FILES, read_either
from peak_console.config.versions import find_version, read_version
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock, from_iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.missing_ledger import is_missing
from peak_console.operations.workbench import timeline
from peak_console.operations.workbench.events_read import events_of
from peak_console.operations.workbench.files import read_standing
from peak_console.operations.workbench.shapes import KeyChange, Version

DISK: Final = "disk"
PREVIOUS: Final = "previous"
KNOWN_GOOD: Final = "known-good"
SHORTEST: Final = 6
"""Digits of a digest that name it, at least."""

_HEX: Final = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Difference:
    """How two versions differ. ``None`` is a file that is not there."""

    target: Target
    old: str | None
    new: str | None
    diff: str
    keys: tuple[KeyChange, ...]

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "config": self.target.name,
            "path": self.target.path,
            "old": self.old,
            "new": self.new,
            "diff": self.diff,
            "changes": [{"key": one.key, "old": one.old, "new": one.new} for one in self.keys],
        }


def history(ws: Workspace, target: Target, *, now: datetime | None = None) -> tuple[Version, ...]:
    """Every version of ``target``, newest first; none where the ledger has not begun.

    Raises ``LedgerUnavailable`` for a ledger that cannot be read.
    """
    if is_missing(ws):
        return ()
    with LedgerReader(ws.ledger) as reader:
        events = events_of(reader, timeline.KINDS)
    disk = read_standing(ws, target).digest
    versions = timeline.versions_of(events, target, disk=disk, index=_Indices(ws, target.kind))
    marked = timeline.mark_known_good(
        versions,
        timeline.bad_times(events),
        after_s=change_rules(ws).known_good_after_s,
        now=now or SystemClock().now(),
    )
    return tuple(replace(one, kept=_is_kept(ws, target, one.digest, disk)) for one in marked)


def at(ws: Workspace, target: Target, moment: datetime) -> Version | None:
    """The version that was in force at a moment; ``None`` where none was, none is known, or no ledger was."""
    found = timeline.in_force_at(history(ws, target), moment)
    return None if found is not None and moment < found.since and moment < _beginning(ws) else found


def version_text(ws: Workspace, target: Target, digest: str) -> str:
    """The text of a version; raises ``ControlRefused`` (``version_not_kept``)."""
    found = read_version(ws, target.kind, digest)
    if found is not None:
        return found[1].decode("utf-8", "surrogateescape")
    standing = read_standing(ws, target)
    if standing.text is not None and standing.digest == digest:
        return standing.text
    raise ControlRefused(
        f"no copy of {target.name} {digest[:12]} is kept",
        code="version_not_kept",
        remedy="restore audits/versions from a backup, or the file from version control",
    )


def resolve(ws: Workspace, target: Target, word: str) -> str:
    """The digest that a word names: ``disk``, ``previous``, ``known-good``, or its first digits (6 or more).

    ``previous`` is what was in force before what stands on disk.

    Raises ``UsageWrong`` (``no_such_version``, ``version_ambiguous``).
    """
    word = word.strip().lower()
    if word == DISK:
        digest = read_standing(ws, target).digest
        if digest is None:
            raise _no_such(target, f"{target.path} is not there")
        return digest
    versions = history(ws, target)
    if word == PREVIOUS:
        return _previous(target, versions, read_standing(ws, target).digest)
    if word == KNOWN_GOOD:
        good = next((one for one in versions if one.known_good), None)
        if good is None:
            raise _no_such(target, "none was in force long enough without an incident or a stop")
        return good.digest
    return _by_digits(ws, target, versions, word)


def diff_between(ws: Workspace, target: Target, a: str, b: str) -> Difference:
    """How the version that ``a`` names became the one that ``b`` names; words as in :func:`resolve`."""
    old, new = resolve(ws, target, a), resolve(ws, target, b)
    return difference(target, version_text(ws, target, old), version_text(ws, target, new), old, new)


def difference(
    target: Target, old_text: str | None, new_text: str | None, old: str | None, new: str | None
) -> Difference:
    """How two texts differ, by line and by key. Pure."""
    return Difference(
        target,
        old,
        new,
        text_diff(old_text or "", new_text or "", target.path),
        key_changes_of(target, old_text, new_text),
    )


def key_changes_of(target: Target, old: str | None, new: str | None) -> tuple[KeyChange, ...]:
    """The keys that differ, in the workbench's shape."""
    return tuple(KeyChange(one.key, one.old, one.new) for one in key_changes(old, new, target.path))


def change_rules(ws: Workspace) -> ChangeRules:
    """``[changes]`` of ``configs/control.toml``; the defaults where the file is absent or wrong."""
    document, _ = read_either(ws.root, MAIN_FILES["control"])
    try:
        return ControlConfig.model_validate(document.data or {}).changes
    except ValueError:
        return ChangeRules()


# -- within


class _Indices:
    """Indices of a library, each read once."""

    def __init__(self, ws: Workspace, kind: str) -> None:
        self._ws = ws
        self._kind = kind
        self._read: dict[str, Mapping[str, str] | None] = {}

    def __call__(self, digest: str) -> Mapping[str, str] | None:
        if digest not in self._read:
            self._read[digest] = self._index(digest)
        return self._read[digest]

    def _index(self, digest: str) -> Mapping[str, str] | None:
        found = read_version(self._ws, self._kind, digest)
        if found is None:
            return None
        try:
            listed = orjson.loads(found[1])
        except orjson.JSONDecodeError:
            return None
        if not isinstance(listed, dict):
            return None
        return {name: one for name, one in listed.items() if isinstance(one, str)}


def _is_kept(ws: Workspace, target: Target, digest: str, disk: str | None) -> bool:
    return digest == disk or find_version(ws, target.kind, digest) is not None


def _beginning(ws: Workspace) -> datetime:
    with LedgerReader(ws.ledger) as reader:
        return from_iso(reader.read(0, 1, bodies=False)[0].ts)


def _previous(target: Target, versions: tuple[Version, ...], disk: str | None) -> str:
    """What was in force before what stands on disk: before a change that nobody saw, the last that was."""
    held = [one.digest for one in versions if one.how != timeline.NEVER]
    if held and disk != held[0]:
        return held[0]
    found = next((digest for digest in held[1:] if digest != held[0]), None)
    if found is None:
        raise _no_such(target, "it has one version only" if held else "none is on the ledger yet")
    return found


def _by_digits(ws: Workspace, target: Target, versions: tuple[Version, ...], word: str) -> str:
    if not _HEX.fullmatch(word):
        raise _no_such(target, f"'{word[:70]}' names none: give {SHORTEST} digits of its digest, or more")
    found = {one.digest for one in versions if one.digest.startswith(word)}
    folder = ws.versions / target.kind
    if folder.is_dir():
        kept = (path.name.partition(".") for path in folder.glob(f"{word}*"))
        found |= {digest for digest, _, suffix in kept if suffix and suffix != "json"}
    if (disk := read_standing(ws, target).digest) is not None and disk.startswith(word):
        found.add(disk)
    if len(found) > 1:
        raise UsageWrong(
            f"several versions begin with {word}: {', '.join(sorted(one[:16] for one in found))}",
            code="version_ambiguous",
            remedy="give more digits",
        )
    if not found:
        raise _no_such(target, f"none begins with {word}")
    return found.pop()


def _no_such(target: Target, why: str) -> UsageWrong:
    return UsageWrong(
        f"there is no such version of {target.name}: {why}",
        code="no_such_version",
        remedy=f"list them: peak config history {target.name}",
    )
