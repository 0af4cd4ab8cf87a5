"""The workspace's place: its file system, its control folder, its disk, its configs and its keys."""

import contextlib
import grp
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.filesystem import NETWORK_TYPES, file_system_type
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.operations.doctor.shapes import Diagnosis, Health
from peak_console.operations.lint import lint
from peak_console.operations.settings import console_settings

_FOLDER_MODE: Final = 0o2770
_LITTLE_BYTES: Final = 1024**3
_RESERVE_BYTES: Final = 16 * 1024**2


def place(ws: Workspace) -> Iterator[Diagnosis]:
    """File system, control folder and disk."""
    kind = file_system_type(ws.root)
    if kind in NETWORK_TYPES:
        remedy = "move the workspace to a local disk: locks and renames must be this kernel's own"
        yield Diagnosis("workspace", "file system", Health.BAD, f"{kind}, a network file system", remedy)
    elif kind:
        yield Diagnosis("workspace", "file system", Health.OK, kind)
    else:
        yield Diagnosis("workspace", "file system", Health.UNKNOWN, "the system does not tell")
    yield _control(ws.control)
    yield _disk(ws.audits)


def _control(folder: Path) -> Diagnosis:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return Diagnosis("workspace", "control folder", Health.NOTE, "not there before the first node")
    except OSError as error:
        remedy = f"ls -ld {folder}"
        return Diagnosis("workspace", "control folder", Health.BAD, error.strerror or str(error), remedy)
    mode, group = stat.S_IMODE(found.st_mode), _group(found.st_gid)
    shown = f"{mode:o}, group {group}"
    if mode & 0o007:
        remedy = f"chmod o-rwx {folder}"
        return Diagnosis("workspace", "control folder", Health.BAD, f"{shown}: open to everybody", remedy)
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = f"you cannot stop here: join the group {group}"
        return Diagnosis("workspace", "control folder", Health.BAD, f"{shown}: not yours to write", remedy)
    if mode != _FOLDER_MODE:
        remedy = f"chmod {_FOLDER_MODE:o} {folder}, so that every operator of the group can stop"
        return Diagnosis("workspace", "control folder", Health.WARN, shown, remedy)
    return Diagnosis("workspace", "control folder", Health.OK, shown)


def _group(number: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)


def _disk(folder: Path) -> Diagnosis:
    try:
        found = os.statvfs(folder if folder.exists() else folder.parent)
    except OSError as error:
        return Diagnosis("workspace", "disk", Health.UNKNOWN, error.strerror or str(error))
    free = found.f_bavail * found.f_frsize
    shown = f"{free / 1024**3:,.1f} GB free" if free >= _LITTLE_BYTES else f"{free / 1024**2:,.0f} MB free"
    if free < _RESERVE_BYTES:
        return Diagnosis("workspace", "disk", Health.BAD, f"{shown}: nothing can be recorded", "free space")
    if free < _LITTLE_BYTES:
        return Diagnosis(
            "workspace", "disk", Health.WARN, shown, "free space, or see: peak ledger prune --help"
        )
    return Diagnosis("workspace", "disk", Health.OK, shown)


def configs(ws: Workspace, today: date) -> Iterator[Diagnosis]:
    """What lint says, and whether there is anybody to call."""
    try:
        report = lint(ws, today=today)
    except PeakError as error:
        yield Diagnosis("configs", "lint", Health.BAD, error.message, error.remedy)
        return
    shown = f"{report.errors} errors, {report.warnings} warnings, by the rules of {report.phase.value}"
    health = Health.BAD if report.errors else Health.WARN if report.warnings else Health.OK
    yield Diagnosis("configs", "lint", health, shown, "" if health is Health.OK else "see them: peak lint")
    contacts = console_settings(ws).contacts
    if contacts:
        names = ", ".join(one_line(one.name, 40) for one in contacts[:3])
        yield Diagnosis("people", "contacts", Health.OK, names)
    else:
        remedy = "name them under [[contacts]] in configs/console.toml"
        yield Diagnosis("people", "contacts", Health.WARN, "nobody to call is named", remedy)


def people(ws: Workspace, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """The workspace's key and the operators' keys as this user holds them."""
    store = KeyStore(ws.keys, environ)
    for name, what in ((WORKSPACE, "signs heads and packs"), *((one, "operator") for one in _mine(store))):
        yield _key(store, name, what)
    if not _mine(store):
        remedy = "ask an operator to enroll you: peak operator enroll NAME"
        found = "you hold no operator's key: you can stop, not enable"
        yield Diagnosis("people", "your key", Health.NOTE, found, remedy)


def _mine(store: KeyStore) -> list[str]:
    try:
        return store.mine()
    except PeakError:
        return []


def _key(store: KeyStore, name: str, what: str) -> Diagnosis:
    title = f"key of {name}"
    try:
        store.signer(name)
    except PeakError as error:
        if name != WORKSPACE:
            return Diagnosis("people", title, Health.BAD, error.message, error.remedy)
        remedy = "the node's user holds it; if nobody does, heads and packs are signed no more"
        return Diagnosis("people", title, Health.WARN, error.message, remedy)
    return Diagnosis("people", title, Health.OK, f"{what}; fits its public half")
