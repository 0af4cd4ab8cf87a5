"""The configs that were in force at an event, by the digests that the ledger holds, read from kept versions.

Digests come from ``node.started`` and ``config.changed``; the matrix's own stands in the call's events. A
version is taken from ``audits/versions``, or from the file in use where that still has the digest.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from peak_console.config.budgets import Budgets, BudgetsFile
from peak_console.config.configs import Configs
from peak_console.config.console import ConsoleConfig
from peak_console.config.control import ControlConfig
from peak_console.config.document import parse_document
from peak_console.config.ledger import LedgerConfig
from peak_console.config.lint.schema import validate
from peak_console.config.lock import Lock, LockFlaw
from peak_console.config.matrix import Matrix, MatrixFile
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.prompts import PromptLibrary
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.schema import ConfigModel
from peak_console.config.scopes import NO_SCOPES, ScopeFile, ScopeLibrary
from peak_console.config.sources import KEYS, MAIN_FILES, REQUIRED, read_keys
from peak_console.config.verifying import judged
from peak_console.config.versions import SCOPES, read_version
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.body_fields import mapping, text_of, time_of

_CHANGES: Final = (EventKind.NODE_STARTED.value, EventKind.CONFIG_CHANGED.value)
_LOCK: Final = "lock"
_PAGE: Final = 1000
_NEAR: Final = timedelta(seconds=2)
"""A config that changed this close to an event may have been read by the caller before or after it."""

_SHAPES: Final[Mapping[str, tuple[type[ConfigModel], Callable[..., Any]]]] = {
    "matrix": (MatrixFile, Matrix.of),
    "models": (ModelsFile, ModelRegistry.of),
    "prices": (PricesFile, PriceTable.of),
    "budgets": (BudgetsFile, Budgets.of),
}


@dataclass(frozen=True, slots=True)
class Known:
    """The configs of a moment; ``configs`` is ``None`` where a version is missing, and ``why`` says which."""

    configs: Configs | None
    why: str = ""


class Versions:
    """Configs by moment. ``changes`` are the ledger's ``node.started`` and ``config.changed``, ascending."""

    def __init__(self, ws: Workspace, changes: Sequence[LedgerEvent]) -> None:
        self._ws = ws
        self._changes = changes
        self._parts: dict[tuple[str, str], Any] = {}
        self._whole: dict[tuple[str, ...], Known] = {}

    def at(self, event: LedgerEvent) -> list[Known]:
        """The configs that an event's decision may have been made by, the likeliest first."""
        body = event.body or {}
        own, lock = text_of(body.get("matrix_digest")), body.get("lock_digest")
        told = ({"matrix": own} if own else {}) | ({_LOCK: lock} if isinstance(lock, str) else {})
        found: list[Known] = []
        for digests in self._digests(event):
            known = self._of(dict(digests) | told)
            if known not in found:
                found.append(known)
        return found or [Known(None, "the ledger names no configs before this event")]

    def _digests(self, event: LedgerEvent) -> Iterator[Mapping[str, str]]:
        """The digests at an event, then those around a change close to it."""
        at, digests, around = time_of(event), dict[str, str](), list[dict[str, str]]()
        for change in self._changes:
            near = abs(time_of(change) - at) <= _NEAR
            if change.seq > event.seq and not near:
                break
            if near:
                around.append(dict(digests))
            after = digests | _said(change)
            if change.seq > event.seq:
                around.append(after)
                continue
            digests = after
        yield digests
        yield from (one for one in around if one)

    def _of(self, digests: Mapping[str, str]) -> Known:
        names = (*REQUIRED, SCOPES, _LOCK)
        key = tuple(digests.get(name, "") for name in names)
        if key not in self._whole:
            self._whole[key] = self._assembled(dict(zip(names, key, strict=True)))
        return self._whole[key]

    def _assembled(self, digests: Mapping[str, str]) -> Known:
        scopes, lock = self._scopes(digests[SCOPES]), self._lock(digests[_LOCK])
        if digests[_LOCK] and lock is None:
            return Known(None, f"config version missing: lock {digests[_LOCK][:12]}")
        digests = {name: digest for name, digest in digests.items() if name not in {SCOPES, _LOCK}}
        parts = {name: self._part(name, digest) for name, digest in digests.items()}
        missing = [name for name, part in parts.items() if part is None]
        if missing:
            told = ", ".join(f"{name} {digests[name][:12] or 'unknown'}" for name in missing)
            return Known(None, f"config version missing: {told}")
        configs = Configs(
            **parts,
            control=ControlConfig(),
            ledger=LedgerConfig(),
            console=ConsoleConfig(),
            prompts=PromptLibrary.of([]),
            digests=digests,
            scopes=scopes,
            lock=lock,
        )
        return Known(configs)

    def _lock(self, digest: str) -> Lock | None:
        """The lock of a digest, by the keys that stand now; the key of a signer who left is not missed."""
        found = (read_version(self._ws, _LOCK, digest) or self._in_use(_LOCK, digest)) if digest else None
        if found is None:
            return None
        lock = judged(parse_document(found[1], MAIN_FILES[_LOCK]), read_keys(self._ws.root / KEYS))
        if lock is not None and lock.flaw is LockFlaw.SIGNER_UNKNOWN:
            return Lock.of(lock.file, lock.digest, None)
        return lock

    def _scopes(self, digest: str) -> ScopeLibrary:
        """The scopes of a digest; none where its index, or a file of it, is not kept."""
        index = read_version(self._ws, SCOPES, digest) if digest else None
        if index is None:
            return NO_SCOPES
        files = {PurePosixPath(name).stem: (name, one) for name, one in json.loads(index[1]).items()}
        found: dict[str, ScopeFile] = {}
        for stem, (name, sha256) in files.items():
            kept = read_version(self._ws, SCOPES, sha256)
            if kept is None:
                return NO_SCOPES
            shape, _, _ = validate("scope", parse_document(kept[1], name))
            if isinstance(shape, ScopeFile):
                found[stem] = shape
        return ScopeLibrary.of(found, files)

    def _part(self, name: str, digest: str) -> Any:
        """One config of a digest; ``None`` where it is not kept, or is no such config any more."""
        if (name, digest) not in self._parts:
            self._parts[name, digest] = self._read(name, digest) if digest else None
        return self._parts[name, digest]

    def _read(self, name: str, digest: str) -> Any:
        found = read_version(self._ws, name, digest) or self._in_use(name, digest)
        if found is None:
            return None
        suffix, data = found
        shape, _, _ = validate(name, parse_document(data, f"{name}{suffix}"))
        model, build = _SHAPES[name]
        return build(shape, digest) if isinstance(shape, model) else None

    def _in_use(self, name: str, digest: str) -> tuple[str, bytes] | None:
        toml = self._ws.root / MAIN_FILES[name]
        for path in (toml, toml.with_suffix(".yaml"), toml.with_suffix(".yml")):
            try:
                data = path.read_bytes()
            except OSError:
                continue
            if sha256_hex(data) == digest:
                return path.suffix, data
        return None


def config_changes(reader: LedgerReader) -> list[LedgerEvent]:
    """The events that say which configs were in force, ascending."""
    found: list[LedgerEvent] = []
    before: int | None = None
    while True:
        page = reader.find(EventFilter(kinds=_CHANGES), before, _PAGE)
        found += page.events
        if page.next_before is None:
            return found[::-1]
        before = page.next_before


def _said(change: LedgerEvent) -> dict[str, str]:
    """The digests that one event tells."""
    body = change.body or {}
    if change.kind == EventKind.NODE_STARTED:
        return {str(name): str(one) for name, one in mapping(body.get("digests")).items()}
    file, new = text_of(body.get("file")), text_of(body.get("new"))
    return {file: new} if file and new and file in _SHAPES else {}
