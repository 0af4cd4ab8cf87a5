"""The environment file of a node: provider keys for its jobs and gateway, never for the node itself."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]{0,127})=(.*)")
_SIZE_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """What a file gave. ``problem`` says why it gave nothing, ``remedy`` what to do. No value is shown."""

    path: Path | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"KeyFile(path={self.path!s}, names={sorted(self.values)}, problem={self.problem!r})"

    def as_dict(self) -> dict[str, object]:
        """For ``peak node status``: names, no values."""
        return {
            "path": None if self.path is None else str(self.path),
            "names": sorted(self.values),
            "problem": self.problem or None,
        }


def read_key_file(path: Path | None, root: Path) -> KeyFile:
    """Read ``NAME=value`` lines; a file that others may read, or that lies in the workspace, gives nothing.

    Never raises. A file that is not there is no problem: jobs then have no keys, and say so.
    """
    if path is None:
        return KeyFile()
    if path.resolve().is_relative_to(root.resolve()):
        return KeyFile(path, problem="it lies in the workspace", remedy=f"move it out of {root}")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return KeyFile(path)
    except OSError as error:
        return KeyFile(path, problem=f"it cannot be opened: {error.strerror}", remedy=f"ls -l {path}")
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return KeyFile(path, problem="it is no file", remedy=f"ls -l {path}")
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
            return KeyFile(path, problem="it is open to others", remedy=f"chmod 600 {path}")
        data = file.read(_SIZE_LIMIT + 1)
    return _parsed(path, data)


def _parsed(path: Path, data: bytes) -> KeyFile:
    remedy = "write NAME=value lines, at most 64 KB"
    try:
        lines = data.decode("utf-8").splitlines() if len(data) <= _SIZE_LIMIT else None
    except UnicodeDecodeError:
        lines = None
    if lines is None:
        return KeyFile(path, problem="it is too large, or no text", remedy=remedy)
    values = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            return KeyFile(path, problem=f"line {number} is not NAME=value", remedy=remedy)
        values[found[1]] = _unquoted(found[2].strip())
    return KeyFile(path, MappingProxyType(values))


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
