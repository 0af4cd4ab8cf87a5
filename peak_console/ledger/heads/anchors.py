"""Where signed heads are kept outside the database: the anchors of a workspace, at least one by default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from peak_console.ledger.heads.anchor_folder import FolderAnchor
from peak_console.ledger.heads.anchor_git import NO_REPOSITORY, GitAnchor, GitUnfit
from peak_console.ledger.heads.anchor_heads import Anchor, AnchorFailed, AnchorHead, RefusedAnchor

__all__ = [
    "Anchor",
    "AnchorFailed",
    "AnchorHead",
    "AnchorRules",
    "Anchors",
    "RefusedAnchor",
    "open_anchors",
    "survey",
]

_STATE: Final = "anchors"
_FOLDER_REMEDY: Final = "name a folder outside the workspace in configs/ledger.toml, [anchors] folder"


class AnchorRules(Protocol):
    """Where heads are kept, as ``configs/ledger.toml`` says it."""

    @property
    def git(self) -> bool:
        """Whether git is used where there is some."""
        ...

    @property
    def folder(self) -> str:
        """A folder outside the workspace; empty where none is named."""
        ...


@dataclass(frozen=True, slots=True)
class Anchors:
    """The anchors of a workspace, and what to know about their choice."""

    anchors: tuple[Anchor, ...]
    git: GitAnchor | None
    remarks: tuple[str, ...]
    """Why an anchor that could have been is not among them, a sentence each."""


def open_anchors(ws_root: Path, settings: AnchorRules, key: bytes, state_folder: Path) -> list[Anchor]:
    """The anchors of a workspace whose key's public half is ``key``, the one relied on first.

    The git repository around it, the folder that is configured, and where neither can be used the user's
    state folder. One that was asked for and cannot be used is in the list as a :class:`RefusedAnchor`.
    """
    return list(survey(ws_root, settings, key, state_folder).anchors)


def survey(ws_root: Path, settings: AnchorRules, key: bytes, state_folder: Path) -> Anchors:
    """:func:`open_anchors`, with what there is to tell about the choice."""
    found: list[Anchor] = []
    remarks: list[str] = []
    git: GitAnchor | None = None
    if settings.git:
        try:
            git = GitAnchor(ws_root, key)
            found.append(git)
        except GitUnfit as error:
            remarks.append(f"git is no anchor here: {error}")
            if str(error) != NO_REPOSITORY and _has_repository(ws_root):
                remedy = "repair it, or set git = false in configs/ledger.toml, [anchors]"
                found.append(RefusedAnchor("git", str(ws_root), remarks[-1], remedy))
    if settings.folder:
        found.append(_folder(ws_root, Path(settings.folder), key))
    if all(isinstance(one, RefusedAnchor) for one in found):
        found.append(_folder(ws_root, state_folder / _STATE, key))
    return Anchors(tuple(found), git, tuple(remarks))


def _folder(ws_root: Path, named: Path, key: bytes) -> Anchor:
    """The folder as an anchor; refused where it would share the workspace's fate."""
    try:
        folder = named.expanduser()
    except RuntimeError:
        return _refused(named, "names a home folder that is not known")
    if not folder.is_absolute():
        return _refused(named, "is not absolute")
    resolved, root = folder.resolve(), ws_root.resolve()
    if resolved == root or root in resolved.parents:
        return _refused(named, "lies inside the workspace: who restores or rewrites that has it too")
    return FolderAnchor(resolved, key)


def _refused(named: Path, why: str) -> RefusedAnchor:
    return RefusedAnchor("folder", str(named), f"the anchor's folder {named} {why}", _FOLDER_REMEDY)


def _has_repository(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root, *root.parents))
