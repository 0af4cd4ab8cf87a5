"""What is linted: a workspace, a folder, or files by name."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from peak_console.config.document import Document, read_document
from peak_console.config.lint.engine import inspect
from peak_console.config.lint.finding import LintFinding
from peak_console.config.sources import MAIN_FILES, REQUIRED, YAML_SUFFIXES, Reader, Sources, read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer, PhaseLevel

_TEXTS: Final = (".toml", *YAML_SUFFIXES, ".md", ".lock", ".json", ".txt", ".ini", ".env")
_MOST_FILES: Final = 5000
_LAYERS: Final = {layer.value for layer in Layer}


def lint_workspace(ws: Workspace, *, phase: PhaseLevel, today: date) -> list[LintFinding]:
    """All findings on all config files of a workspace, sorted. Never raises on what the files hold."""
    return inspect(all_sources(ws), phase=phase, today=today).findings


def all_sources(ws: Workspace, read: Reader = read_document) -> Sources:
    """Every config file of a workspace: what the run time reads, and the other texts below ``configs``."""
    sources = read_sources(ws.root, read)
    known = {document.name for document in sources.documents()} | set(sources.beside)
    others = _further(ws.root, "configs", known, read)
    return replace(sources, others=others, beside={**sources.beside, **_twins(others)})


def lint_paths(paths: Sequence[Path], *, phase: PhaseLevel, today: date) -> list[LintFinding]:
    """The findings on files and folders by name, each file named as it was given.

    A folder that has ``configs`` is linted as a workspace. A file or folder within a workspace's ``configs``
    is judged together with the workspace's other configs, so that cross-file rules hold, and only findings on
    what was named are given. A file elsewhere stands for the config that its name, else its content, says.
    """
    findings: set[LintFinding] = set()
    for path in paths:
        findings.update(_lint_path(path, phase, today))
    return sorted(findings, key=lambda finding: finding.order)


def _lint_path(path: Path, phase: PhaseLevel, today: date) -> Iterable[LintFinding]:
    if (path / "configs").is_dir():
        return _renamed(lint_workspace(Workspace(path), phase=phase, today=today), "", os.fspath(path))
    root = _workspace_around(path)
    if root is not None and path.exists():
        inside = path.absolute().relative_to(root).as_posix()
        sources = all_sources(Workspace(root))
        sources = replace(sources, complete=not _matrix_only(sources))
        findings = inspect(sources, phase=phase, today=today).findings
        known = path.is_dir() or path.suffix in _TEXTS
        return _renamed(findings, inside, os.fspath(path)) if known else _alone([path], phase, today)
    if path.is_dir():
        names = [document.name for document in _further(path, "", set())]
        return _alone([path / name for name in names], phase, today)
    return _alone([path], phase, today)


def _matrix_only(sources: Sources) -> bool:
    """Whether a repository keeps its matrix and nothing that it refers to."""
    others = [sources.main[kind] for kind in REQUIRED if kind != "matrix"]
    return not sources.prompts and all(
        one.trouble is not None and one.trouble.rule == "file.missing" for one in others
    )


def _workspace_around(path: Path) -> Path | None:
    """The workspace in whose ``configs`` a path lies."""
    place = path.absolute()
    for folder in (place, *place.parents):
        if folder.name == "configs" and folder.is_dir():
            return folder.parent
    return None


def _renamed(findings: Iterable[LintFinding], inside: str, given: str) -> Iterator[LintFinding]:
    """The findings on ``inside`` or below it, named from ``given``."""
    for finding in findings:
        rest = finding.file.removeprefix(inside)
        if inside and (rest == finding.file or rest[:1] not in {"", "/"}):
            continue
        rest = rest.lstrip("/")
        name = given if not rest else rest if given == "." else f"{given.rstrip('/')}/{rest}"
        yield replace(finding, file=name)


def _alone(paths: Iterable[Path], phase: PhaseLevel, today: date) -> Iterator[LintFinding]:
    """The findings on files that stand in no workspace: all rules that need no other file."""
    for path in paths:
        document = read_document(path, os.fspath(path))
        kind = _kind_of(document)
        main = {one: Document(one) for one in MAIN_FILES}
        if kind is not None:
            main[kind] = document
        others = () if kind else (document,)
        sources = Sources(main, others=others, complete=False)
        yield from inspect(sources, phase=phase, today=today).findings


def _kind_of(document: Document) -> str | None:
    """Which config a file is, by its name or else by its tables; ``None`` where it has no data."""
    if document.data is None:
        return None
    stem = Path(document.name).stem
    for kind, name in MAIN_FILES.items():
        if Path(name).stem == stem:
            return kind
    if not document.data:
        return None
    tables = set(document.data)
    if tables <= {"global", *_LAYERS}:
        return "matrix"
    return {frozenset({"model"}): "models", frozenset({"price"}): "prices"}.get(frozenset(tables))


def _further(root: Path, folder: str, known: set[str], read: Reader = read_document) -> tuple[Document, ...]:
    """The other texts below a folder, by name; links to folders are not followed."""
    found: list[Document] = []
    for place, folders, files in os.walk(root / folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place) / file
            name = path.relative_to(root).as_posix()
            if name not in known and path.suffix in _TEXTS and len(found) < _MOST_FILES:
                found.append(read(path, name))
    return tuple(found)


def _twins(documents: Iterable[Document]) -> dict[str, str]:
    """YAML files among the further ones that stand beside a TOML file of the same name."""
    names = {document.name for document in documents}
    twins = {}
    for name in names:
        for suffix in YAML_SUFFIXES:
            if name.endswith(".toml") and (twin := name.removesuffix(".toml") + suffix) in names:
                twins[twin] = name
    return twins
