"""Configs kept by digest: ``audits/versions/<name>/<sha256><suffix>``, so that what was in force stays known.

Copies are made once, whole, read-only, and never written over. Libraries (prompts, scopes, gold cases) are
kept as their index (name to SHA-256, whose canonical JSON gives the library's digest) and a copy of each
file.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from peak_console.config.configs import Configs
from peak_console.config.document import MAX_BYTES, Document
from peak_console.config.scopes import index_of
from peak_console.config.sources import MAIN_FILES, YAML_SUFFIXES, read_canaries, read_scopes
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import canonical, sha256_hex

PROMPTS: Final = "prompts"
SCOPES: Final = "scopes"
CANARIES: Final = "canaries"
SUFFIXES: Final = (".toml", *YAML_SUFFIXES, ".json", ".md", ".lock")
"""What a kept copy's name may end in."""

_READ_ONLY: Final = 0o444


def keep_versions(ws: Workspace, configs: Configs) -> tuple[str, ...]:
    """Keep a copy of everything that ``configs`` were read from and that is not kept yet.

    Gives what could not be kept, in words. A file that changed since ``configs`` were read is kept as it is
    now, and the digest that was read stands without a copy.
    """
    problems = []
    for name, digest in sorted(configs.digests.items()):
        if find_version(ws, name, digest) is not None:
            continue
        try:
            kept = [_keep(ws, name, *one) for one in _copies(ws, name, configs)]
        except OSError as error:
            problems.append(f"{name}: {error.strerror or error}")
        else:
            if digest not in kept:
                problems.append(f"{name}: the file changed before {digest[:12]} was copied")
    return tuple(problems)


def keep_text(ws: Workspace, name: str, suffix: str, data: bytes) -> str:
    """Keep the bytes of one config file, in force or not; gives their digest. Raises ``OSError``."""
    return _keep(ws, name, suffix, data)


def read_version(ws: Workspace, name: str, digest: str) -> tuple[str, bytes] | None:
    """The suffix and bytes of a kept config; ``None`` where there is none that is of its digest."""
    path = find_version(ws, name, digest)
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return (path.suffix, data) if sha256_hex(data) == digest else None


def find_version(ws: Workspace, name: str, digest: str) -> Path | None:
    """Where the copy of a config lies; ``None`` where there is none."""
    if not (digest.isascii() and digest.isalnum() and name.isidentifier()):
        return None
    for suffix in SUFFIXES:
        path = ws.versions / name / f"{digest}{suffix}"
        if path.is_file() and not path.is_symlink():
            return path
    return None


def _copies(ws: Workspace, name: str, configs: Configs) -> Iterator[tuple[str, bytes]]:
    """What is to be kept of one config, as suffix and bytes; an index comes after what it names."""
    if name in {SCOPES, CANARIES}:
        yield from _library(read_scopes(ws.root)[0] if name == SCOPES else read_canaries(ws.root))
        return
    if name != PROMPTS:
        yield from _main_file(ws, name)
        return
    library = configs.prompts
    for prompt in library.prompts.values():
        yield ".md", prompt.text.encode()
    yield ".json", canonical({name: one.sha256 for name, one in library.prompts.items()})


def _library(files: Mapping[str, Document]) -> Iterator[tuple[str, bytes]]:
    for document in files.values():
        yield Path(document.name).suffix, document.text.encode()
    yield ".json", canonical(index_of({one.name: one.sha256 for one in files.values()}))


def _main_file(ws: Workspace, name: str) -> Iterator[tuple[str, bytes]]:
    listed = MAIN_FILES.get(name)
    if listed is None:
        return
    toml = ws.root / listed
    for path in (toml, *(toml.with_suffix(suffix) for suffix in YAML_SUFFIXES)):
        with suppress(FileNotFoundError), path.open("rb") as file:
            yield path.suffix, file.read(MAX_BYTES)
            return


def _keep(ws: Workspace, name: str, suffix: str, data: bytes) -> str:
    """Write one copy, whole or not at all; gives its digest. Raises ``OSError``."""
    digest = sha256_hex(data)
    folder = ws.versions / name
    path = folder / f"{digest}{suffix}"
    if path.exists():
        return digest
    folder.mkdir(parents=True, exist_ok=True)
    private = folder / f".{digest[:16]}.{secrets.token_hex(4)}.new"
    try:
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(private, path)
    finally:
        private.unlink(missing_ok=True)
    return digest
