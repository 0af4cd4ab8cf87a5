"""The config files of a workspace, read once: what load and lint both stand on."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from peak_console.config.document import Document, read_document

MAIN_FILES: Final = {
    "matrix": "configs/ai/layer_model_matrix.toml",
    "models": "configs/ai/models.toml",
    "prices": "configs/ai/prices.toml",
    "budgets": "configs/ai/budgets.toml",
    "lock": "configs/ai/verified_models.lock",
    "limits": "configs/risk/limits.toml",
    "jobs": "configs/shadow/jobs.toml",
    "readiness": "configs/readiness.toml",
    "incidents": "configs/incidents.toml",
    "control": "configs/control.toml",
    "ledger": "configs/ledger.toml",
    "console": "configs/console.toml",
}
"""The files that are read at run time, by kind."""

REQUIRED: Final = ("matrix", "models", "prices", "budgets")
"""Kinds without which no call is made; the others have defaults in code."""

KEYS: Final = "configs/keys"
PROMPTS: Final = "configs/ai/prompts"
SCOPES: Final = "configs/ai/capability_scopes"
CANARIES: Final = "configs/ai/canaries"
YAML_SUFFIXES: Final = (".yaml", ".yml")
_MOST_KEYS: Final = 256

Reader = Callable[[Path, str], Document]
"""What reads a file under a name: :func:`read_document`, or one that keeps what did not change."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Files as read. ``main`` holds those of :data:`MAIN_FILES`, by kind; one that is absent says so."""

    main: Mapping[str, Document]
    prompts: Mapping[str, Document] = field(default_factory=dict)
    """By reference, ``<name>@<version>``."""
    scopes: Mapping[str, Document] = field(default_factory=dict)
    """Capability scopes, by the file's name without its suffix."""
    canaries: Mapping[str, Document] = field(default_factory=dict)
    """Sets of gold cases, by the file's name without its suffix."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Public keys by operator, as their files have them; read where there is a lock to be checked."""
    others: tuple[Document, ...] = ()
    """Further config files, of which only the text is checked."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """YAML files that stand beside a TOML file of the same name, and that TOML file."""
    root: Path | None = None
    """The workspace's folder, below which files lie that configs name; ``None`` where nobody knows it."""
    complete: bool = True
    """False where single files are checked and what they refer to may lie elsewhere."""

    def documents(self) -> Iterator[Document]:
        """Every file, each once."""
        yield from self.main.values()
        yield from self.prompts.values()
        yield from self.scopes.values()
        yield from self.canaries.values()
        yield from self.others


def read_sources(root: Path, read: Reader = read_document) -> Sources:
    """Read the files that the run time needs: the main ones and all prompts."""
    main: dict[str, Document] = {}
    beside: dict[str, str] = {}
    for kind, name in MAIN_FILES.items():
        main[kind], doubled = read_either(root, name, read)
        beside |= doubled
    scopes, doubled = read_scopes(root, read)
    return Sources(
        main,
        read_prompts(root / PROMPTS, PROMPTS, read),
        scopes,
        read_canaries(root, read),
        keys={} if _absent(main["lock"]) else read_keys(root / KEYS, read),
        beside={**beside, **doubled},
        root=root,
    )


def read_either(root: Path, name: str, read: Reader = read_document) -> tuple[Document, dict[str, str]]:
    """The TOML file ``name``, or where there is none its YAML twin; and which YAML stands beside the TOML."""
    document = read(root / name, name)
    if not name.endswith(".toml"):
        return document, {}
    twins = [name.removesuffix(".toml") + suffix for suffix in YAML_SUFFIXES]
    present = [twin for twin in twins if os.path.lexists(root / twin)]
    if not _absent(document):
        return document, dict.fromkeys(present, name)
    if not present:
        return document, {}
    return read(root / present[0], present[0]), dict.fromkeys(present[1:], present[0])


def read_prompts(folder: Path, name: str, read: Reader = read_document) -> dict[str, Document]:
    """All prompts ``<name>/<version>.md`` below a folder, by reference."""
    found: dict[str, Document] = {}
    for prompt in _entries(folder):
        if not prompt.is_dir():
            continue
        for version in _entries(folder / prompt.name):
            if version.name.endswith(".md"):
                reference = f"{prompt.name}@{version.name.removesuffix('.md')}"
                path = f"{name}/{prompt.name}/{version.name}"
                found[reference] = read(Path(version.path), path)
    return found


def read_scopes(root: Path, read: Reader = read_document) -> tuple[dict[str, Document], dict[str, str]]:
    """All capability scopes, by name; and which YAML stands beside a TOML of the same name."""
    names = {
        entry.name.rpartition(".")[0]
        for entry in _entries(root / SCOPES)
        if entry.name.endswith((".toml", *YAML_SUFFIXES))
    }
    found: dict[str, Document] = {}
    beside: dict[str, str] = {}
    for name in sorted(names):
        found[name], doubled = read_either(root, f"{SCOPES}/{name}.toml", read)
        beside |= doubled
    return found, beside


def read_canaries(root: Path, read: Reader = read_document) -> dict[str, Document]:
    """All sets of gold cases, by name."""
    files = [one.name for one in _entries(root / CANARIES) if one.name.endswith(".toml")]
    return {one.removesuffix(".toml"): read(root / CANARIES / one, f"{CANARIES}/{one}") for one in files}


def read_keys(folder: Path, read: Reader = read_document) -> dict[str, str]:
    """The public keys ``<operator>.pub`` of a folder; one that cannot be read is empty."""
    files = [one for one in _entries(folder) if one.name.endswith(".pub")]
    return {
        one.name.removesuffix(".pub"): read(Path(one.path), one.name).text.strip()
        for one in files[:_MOST_KEYS]
    }


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name; none where it cannot be listed (lint reports what then is missing)."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _absent(document: Document) -> bool:
    return document.trouble is not None and document.trouble.rule == "file.missing"
