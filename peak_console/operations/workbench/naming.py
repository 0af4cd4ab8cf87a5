"""What words of a command line name in the workbench: texts of a config, moments, models, slots."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.config.document import Document, parse_document
from peak_console.config.editing.slots import slots_of
from peak_console.config.editing.targets import WRITTEN_APART, Target, targets_of
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.catalogue import catalogue, find_model, suggest
from peak_console.operations.ledger import existing
from peak_console.operations.views.replay_moments import read_moment
from peak_console.operations.workbench.draft_naming import draft_named, waiting
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import bytes_of, read_standing
from peak_console.operations.workbench.history import resolve, version_text

DRAFT: Final = "draft"
LOCK: Final = "lock"
WORDS: Final = "disk, draft, previous, known-good, lock, or six digits of a version"


@dataclass(frozen=True, slots=True)
class NamedText:
    """A text of a config that a word named."""

    word: str
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One config that can be edited."""

    target: Target
    digest: str | None
    draft: str
    """What made the drafts that wait, the newest first; empty without one."""

    def as_dict(self) -> dict[str, Any]:
        """One row of ``peak config list --json``."""
        return {
            "config": self.target.name,
            "path": self.target.path,
            "digest": self.digest,
            "draft": self.draft or None,
            "edited_as_text": self.target.kind not in WRITTEN_APART,
        }


def listed(ws: Workspace) -> tuple[Listed, ...]:
    """Every config, there or not, with this user's drafts."""
    drafts: dict[str, list[str]] = {}
    for one in drafts_of(ws).all():
        drafts.setdefault(one.target, []).append(one.origin)
    return tuple(
        Listed(target, read_standing(ws, target).digest, ", ".join(drafts.get(target.name, ())))
        for target in targets_of(ws)
    )


def text_named(ws: Workspace, target: Target, word: str) -> NamedText:
    """The text that a word names: ``disk``, ``draft``, ``previous``, ``known-good``, ``lock``, or digits.

    ``draft:ID`` is one of several drafts, ``lock`` the matrix that the lock was written for. Raises
    ``UsageWrong`` (``no_such_version``, ``no_draft``, ``draft_ambiguous``, ``version_ambiguous``),
    ``ControlRefused`` (``version_not_kept``).
    """
    name, _, draft_id = word.partition(":")
    if name == DRAFT:
        draft = draft_named(ws, target, draft_id)
        return NamedText(word, sha256_hex(bytes_of(draft.text)), draft.text)
    digest = _locked(ws, target) if word == LOCK else resolve(ws, target, word)
    return NamedText(word, digest, version_text(ws, target, digest))


def has_draft(ws: Workspace, target: Target) -> bool:
    """Whether this user has a draft of it that says something else than the file."""
    return bool(waiting(ws, target))


def standing_data(ws: Workspace, target: Target) -> Document:
    """The config as it stands on disk, read; raises ``ControlRefused`` (``config_absent``)."""
    standing = read_standing(ws, target)
    if standing.text is None:
        raise ControlRefused(
            f"{target.path} is not there",
            code="config_absent",
            remedy="where it is optional its defaults hold; write it with: peak config edit CONFIG",
        )
    return parse_document(bytes_of(standing.text), target.path)


def moment_named(ws: Workspace, text: str, now: datetime) -> datetime:
    """The moment that a text names: a time, ``2h ago``, an event, a run.

    Raises ``UsageWrong`` (``moment_ahead`` for one that has not come: nobody knows what will be in force).
    """
    with LedgerReader(existing(ws).ledger) as reader:
        at = read_moment(reader, text, now).at
    if at > now:
        raise UsageWrong(
            f"{at:%Y-%m-%d %H:%M:%S} UTC has not come yet",
            code="moment_ahead",
            remedy="name a moment that has passed; with its day, where it was yesterday",
        )
    return at


def models_by_name(ws: Workspace, now: datetime) -> Callable[[str], tuple[str, str]]:
    """What reads a model as people name it: ``provider:model``, or the id alone where one provider has it."""

    def named(word: str) -> tuple[str, str]:
        provider, colon, model_id = word.strip().partition(":")
        if colon and provider and model_id:
            return provider, model_id
        found = find_model(catalogue(ws, now), word.strip())
        return found.provider, found.model_id

    return named


def models_like(ws: Workspace, word: str, now: datetime) -> tuple[str, ...]:
    """Models that a word may be the beginning of, for a shell that completes it."""
    return suggest(catalogue(ws, now), word)


def slots_standing(ws: Workspace) -> list[str]:
    """The slots of the matrix as they are typed; none where it cannot be read."""
    return slots_of(read_sources(ws.root).main["matrix"].data or {})


def _locked(ws: Workspace, target: Target) -> str:
    """The matrix that the lock was written for, by digest."""
    if target.kind != "matrix":
        raise UsageWrong(
            f"the lock names a version of the matrix, not of {target.name}",
            code="no_such_version",
            remedy="name one of: disk, draft, previous, known-good, or six digits of a version",
        )
    head = (read_sources(ws.root).main["lock"].data or {}).get("lock")
    digest = head.get("matrix_sha256") if isinstance(head, dict) else None
    if not isinstance(digest, str):
        raise UsageWrong(
            "there is no lock that could be read",
            code="no_such_version",
            remedy="write one: peak lock write",
        )
    return digest
