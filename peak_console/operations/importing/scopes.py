"""``peak import scopes``: a folder of capability scopes of another house, as drafts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from peak_console.config.document import read_document
from peak_console.config.editing.targets import SCOPE_KIND, Target
from peak_console.config.lint.schema import validate
from peak_console.config.matrix import LayerConfig, MatrixFile, Slot
from peak_console.config.scopes import ScopeFile
from peak_console.config.sources import SCOPES, Sources, read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer
from peak_console.operations.importing.foreign import said_of
from peak_console.operations.importing.proposal import OURS, THEIRS
from peak_console.operations.importing.scopes_form import Understood, understood
from peak_console.operations.workbench.files import Standing, read_standing
from peak_console.operations.workbench.handing import hand_over
from peak_console.operations.workbench.shapes import Draft

ORIGIN: Final = "import scopes"
_SUFFIXES: Final = (".toml", ".yaml", ".yml")
_MOST: Final = 100
"""Files of a folder that are read."""


@dataclass(frozen=True, slots=True)
class ScopesImport:
    """What a folder comes to, and the texts that the drafts would have."""

    folder: str
    files: tuple[Understood, ...]
    texts: Mapping[Target, tuple[Standing, str]]

    def as_dict(self, drafts: tuple[Draft, ...]) -> dict[str, Any]:
        """The shape of ``peak import scopes --json``."""
        return {
            "folder": self.folder,
            "files": [
                {
                    "file": one.file,
                    "layer": one.layer.value if one.layer else None,
                    "mapped": [
                        {"source": row.source, "config": row.config, "key": row.key, "value": row.value}
                        for row in one.mapped
                    ],
                    "lost": [{"source": row.source, "value": row.value, "why": row.why} for row in one.lost],
                    "conflicts": [
                        {
                            "source": row.source,
                            "config": row.config,
                            "key": row.key,
                            "ours": row.ours,
                            "theirs": row.theirs,
                            "taken": row.taken,
                            "why": row.why,
                        }
                        for row in one.conflicts
                    ],
                }
                for one in self.files
            ],
            "drafts": [one.target for one in drafts],
        }


def read_scopes_import(ws: Workspace, folder: Path) -> ScopesImport:
    """Read the scopes of a folder and hold them against ours. Changes nothing.

    Raises ``UsageWrong`` with ``import_no_folder`` or ``import_unreadable``: where the folder is none, holds
    no scope, or a file of it cannot be read as TOML or YAML.
    """
    sources = read_sources(ws.root)
    matrix, _, _ = validate("matrix", sources.main["matrix"])
    found: list[Understood] = []
    texts: dict[Target, tuple[Standing, str]] = {}
    for path in _files(folder):
        one = understood(one_line(path.name, 100), _data(path))
        found.append(one)
        if one.layer is None:
            continue
        target = _target(sources, one.layer)
        if target in texts:
            one.conflict(
                "layer_id", "scope.layer_id", one.layer, one.layer, OURS, "an earlier file is of this layer"
            )
            continue
        config = getattr(matrix, one.layer.value, None) if isinstance(matrix, MatrixFile) else None
        if isinstance(config, LayerConfig):
            _against_matrix(one, config)
        held = read_standing(ws, target)
        _against_ours(one, sources, one.layer)
        texts[target] = (held, one.text())
    return ScopesImport(one_line(folder.as_posix(), 200), tuple(found), texts)


def draft_scopes(
    ws: Workspace, found: ScopesImport, now: datetime, *, replace: bool = False
) -> tuple[Draft, ...]:
    """Put the texts into the editor. Raises ``ControlRefused`` (``draft_exists``)."""
    return hand_over(ws, found.texts, origin=ORIGIN, now=now, replace=replace)


def _files(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError as error:
        raise UsageWrong(
            f"{one_line(str(folder))} is no folder that can be read: {error.strerror}",
            code="import_no_folder",
            remedy="name the folder that holds the scopes, such as config/capability_scopes",
        ) from None
    if not 0 < len(paths) <= _MOST:
        count = f"more than {_MOST}" if paths else "no"
        raise UsageWrong(
            f"{one_line(str(folder))} holds {count} TOML or YAML files",
            code="import_no_folder",
            remedy="name the folder that holds the scopes, such as config/capability_scopes",
        )
    yield from paths


def _data(path: Path) -> dict[str, Any]:
    document = read_document(path, path.name)
    if document.data is None:
        raise UsageWrong(
            said_of(path, document.trouble, "it has no data"),
            code="import_unreadable",
            remedy="correct the file, or take it out of the folder",
        )
    return document.data


def _target(sources: Sources, layer: Layer) -> Target:
    """The config that the layer's scope is or would be."""
    for name, document in sources.scopes.items():
        shape, _, _ = validate("scope", document)
        if isinstance(shape, ScopeFile) and shape.layer is layer and document.name.endswith(".toml"):
            return Target(f"{SCOPE_KIND}/{name}", SCOPE_KIND, document.name)
    return Target(f"{SCOPE_KIND}/{layer}", SCOPE_KIND, f"{SCOPES}/{layer}.toml")


def _against_matrix(one: Understood, config: LayerConfig) -> None:
    """Models that the scope was written for and the matrix does not hold in that slot."""
    why = "the matrix says who works here; the scope's word is kept for lint to hold against it"
    critic = config.critic.model_id if isinstance(config.critic, Slot) else "none"
    held = {"primary": config.primary.model_id if config.primary else "none", "critic": critic}
    for role, model in one.plain.get("models", {}).items():
        if model.lower() not in {"none", held[role].lower()}:
            one.conflict(f"models.{role}", f"matrix {one.layer}.{role}", held[role], model, OURS, why)
    fallback = [slot.model_id for slot in config.fallback]
    for model in one.lists.get("models", {}).get("fallback", []):
        if model.lower() not in {"none", *(name.lower() for name in fallback)}:
            one.conflict("models.fallback", f"matrix {one.layer}.fallback", fallback, model, OURS, why)


def _against_ours(one: Understood, sources: Sources, layer: Layer) -> None:
    """Lists that the layer's scope here has otherwise."""
    for document in sources.scopes.values():
        shape, _, _ = validate("scope", document)
        if not isinstance(shape, ScopeFile) or shape.layer is not layer:
            continue
        why = f"{document.name} says otherwise; the draft holds the file's, and saving it replaces ours"
        tooling = one.lists.get("tooling", {})
        theirs = sorted(set(tooling.get("allowed", [])) - set(tooling.get("forbidden", [])) - {"none"})
        pairs = (
            ("tooling.allowed", sorted(tool.value for tool in shape.permitted_tools), theirs),
            (
                "outputs.forbidden",
                sorted(shape.outputs.forbidden),
                sorted(one.lists.get("outputs", {}).get("forbidden", [])),
            ),
            ("scope.autonomy_level", shape.levels, one.head["autonomy_level"]),
        )
        for key, ours, other in pairs:
            if ours != other:
                one.conflict(key, key, ours, other, THEIRS, why)
