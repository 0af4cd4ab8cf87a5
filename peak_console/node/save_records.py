"""Records of saves and approvals: what they must say to be admitted. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from peak_console.config.editing.targets import PROMPT_KIND, SCOPE_KIND, WRITTEN_APART, target_named
from peak_console.config.sources import MAIN_FILES, PROMPTS, SCOPES, YAML_SUFFIXES
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.service.privileges import is_nodes_word

_SAVES: Final = {
    EventKind.MATRIX_CHANGED.value: "matrix",
    EventKind.MATRIX_ROLLED_BACK.value: "matrix",
    EventKind.PRICES_CHANGED.value: "prices",
    EventKind.CONFIG_CHANGED.value: "",
}
"""Kinds that tell of a saved config, and of which; any other for the last."""

_DIGESTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(_SAVES, ("new", ("old",))),
    EventKind.MATRIX_APPROVED.value: ("digest", ("old", "diff_sha256")),
    EventKind.LOCK_WRITTEN.value: ("digest", ("previous", "matrix_digest")),
    EventKind.LOCK_ROLLED_BACK.value: ("digest", ("previous", "matrix_digest")),
}
"""By kind: the key of the digest that it names, and those of digests that may be absent."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")


def misrecorded(draft: EventDraft) -> PeakError | None:
    """Why a record of a save, an approval or a lock may not be written; ``None`` when it may.

    It names its operator (the server sees to it that this is the one who proved it), says why, names what it
    is of by whole digests, and a save the config that it is of by its kind and path.
    """
    named = _DIGESTS.get(draft.kind)
    if named is None or is_nodes_word(draft.kind, draft.body):
        return None
    body = draft.body
    if not _text(body, "operator").strip():
        return _malformed(f"{draft.kind} names no operator")
    if not _text(body, "reason").strip():
        return UsageWrong("a change needs a reason", code="reason_missing", remedy='add: --reason "..."')
    key, others = named
    if not _is_digest(body.get(key)) or not all(_is_digest(body.get(one) or _NONE) for one in others):
        return _malformed(f"{draft.kind} names no digests of 64 hex digits")
    if draft.kind in _SAVES and not _names_config(_text(body, "kind"), _text(body, "path"), draft.kind):
        return _malformed(f"{draft.kind} names no config by kind and path")
    return None


def _names_config(kind: str, path: str, recorded: str) -> bool:
    if (_SAVES[recorded] or kind) != kind or kind in WRITTEN_APART:
        return False
    if not _SAVES[recorded] and kind in _SAVES.values():
        return False
    if kind in MAIN_FILES:
        return _as_toml(path) == MAIN_FILES[kind]
    given = PurePosixPath(path)
    if kind == SCOPE_KIND:
        return _stands(f"{kind}/{given.stem}", _as_toml(path)) and str(given.parent) == SCOPES
    if kind == PROMPT_KIND:
        return _stands(f"{kind}/{given.parent.name}@{given.stem}", path) and path.startswith(f"{PROMPTS}/")
    return False


def _as_toml(path: str) -> str:
    """A path as it is where the config stands as TOML."""
    given = PurePosixPath(path)
    return str(given.with_suffix(".toml")) if given.suffix in YAML_SUFFIXES else path


def _stands(name: str, path: str) -> bool:
    try:
        return target_named(name).path == path
    except UsageWrong:
        return False


_NONE: Final = "0" * 64


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) else ""


def _malformed(message: str) -> UsageWrong:
    return UsageWrong(
        message, code="event_malformed", remedy="record it by its command: peak matrix, config, lock"
    )
