"""Make a workspace from the packaged defaults. Overwrites nothing; the node begins the ledger afterwards."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peak_console.config.defaults import default_configs
from peak_console.config.workspace import Workspace
from peak_console.control.filesystem import refuse_network
from peak_console.control.folder import prepare
from peak_console.control.keys import WORKSPACE, KeyStore, check_name
from peak_console.control.stop import login
from peak_console.domain.errors import EnvironmentUnfit

GITIGNORE = """\
# what a workspace keeps to itself; signed heads, config versions and sealed packs are kept
runs/*
audits/ledger.db*
audits/state.db*
audits/search.db*
audits/*.json
audits/backups/
audits/control/
audits/logs/
audits/salvaged/
"""


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was made. The ledger's genesis and the first operator's enrolment are the node's to write."""

    ws: Workspace
    made: tuple[str, ...]
    """Files that were made, relative to the root."""
    kept: tuple[str, ...]
    """Files that were there before and were left alone."""
    operator: str
    public_key: str


def init_workspace(
    root: Path,
    *,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
    configs: Path | None = None,
) -> Initialised:
    """Make or complete a workspace at ``root``; what is there already is kept as it is.

    ``operator`` names the first operator (default: the login name); ``configs`` is the folder of defaults.
    Raises ``EnvironmentUnfit`` where nothing can be written, or on a network file system.
    """
    ws = Workspace(root.resolve())
    environ = os.environ if environ is None else environ
    made: list[str] = []
    kept: list[str] = []
    name = check_name(operator) if operator else operator_name(login())
    try:
        ws.root.mkdir(parents=True, exist_ok=True)
        refuse_network(ws.root)
        _copy_missing(configs or default_configs(), ws, made, kept)
        ignore = ws.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text(GITIGNORE, encoding="utf-8")
            made.append(ignore.name)
        ws.runs.mkdir(exist_ok=True)
        ws.audits.mkdir(exist_ok=True)
        prepare(ws.control, group_of=ws.root)
        name, public = _make_keys(ws, name, environ, made, kept)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{ws.root} cannot be made a workspace: {error.strerror or error}",
            code="workspace_unwritable",
            remedy="name a folder that you can write",
        ) from error
    return Initialised(ws, tuple(made), tuple(kept), name, public)


def operator_name(login_name: str) -> str:
    """A login name as an operator's name: lower case, foreign characters as dashes."""
    name = re.sub(r"[^a-z0-9._-]+", "-", login_name.lower()).strip("-._")[:32]
    return name or "operator"


def _copy_missing(source: Path, ws: Workspace, made: list[str], kept: list[str]) -> None:
    for file in sorted(source.rglob("*")):
        inner = file.relative_to(source)
        if not file.is_file() or inner.parts[0] == "keys" or file.name.startswith("."):
            continue
        target = ws.root / "configs" / inner
        shown = target.relative_to(ws.root).as_posix()
        if target.exists() or _yaml_twin(target).exists():
            kept.append(shown)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as new:
            new.write(file.read_bytes())
        made.append(shown)


def _yaml_twin(target: Path) -> Path:
    """YAML is read where TOML is absent; never both."""
    return target.with_suffix(".yaml") if target.suffix == ".toml" else target


def _make_keys(
    ws: Workspace, operator: str, environ: Mapping[str, str], made: list[str], kept: list[str]
) -> tuple[str, str]:
    """The workspace's key and its first operator's; where operators are known already, no other is made."""
    store = KeyStore(ws.keys, environ)
    known = store.names()
    first = operator if operator in known or not known else known[0]
    for name in (WORKSPACE, first):
        (kept if store.public(name) is not None else made).append(f"configs/keys/{name}.pub")
        public = store.create(name)
    return first, public
