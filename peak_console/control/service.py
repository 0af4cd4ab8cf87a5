"""The node as a service: the units of systemd and launchd, and where they lie.

Formats: systemd.service(5), systemd.exec(5), launchd.plist(5). Texts are rendered from the workspace and the
interpreter that runs now; nothing of the caller's environment goes in but where keys and state lie.
"""

import hashlib
import plistlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import platformdirs

WATCHDOG_S: Final = 30
"""Seconds without a sign of life after which the service manager, or the node's own watchdog, ends a node."""

MARK: Final = "Written by: peak node install"
"""What a unit of ours says; another file of the same name is left alone."""

_KEPT: Final = ("PEAK_KEYS_DIR", "PEAK_STATE_DIR")
_SLUG = re.compile(r"[^a-z0-9]+")
_SPECIFIERS = str.maketrans({"%": "%%", "\\": "\\\\", '"': '\\"'})


class Manager(StrEnum):
    """Who starts the node."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True)
class Service:
    """A node's unit: its name, the file it lies in, and its text."""

    manager: Manager
    name: str
    path: Path
    text: str
    environment_file: Path
    start: tuple[tuple[str, ...], ...]
    """The commands that put it into service, in order."""


def manager_of(platform: str) -> Manager:
    """The service manager of a platform (``sys.platform``)."""
    return Manager.LAUNCHD if platform == "darwin" else Manager.SYSTEMD


def service_name(root: Path) -> str:
    """The service's name: readable by the folder's name, unique by the path."""
    slug = _SLUG.sub("-", root.name.lower()).strip("-")[:32] or "workspace"
    return f"peak-node-{slug}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"


def environment_file(root: Path, environ: Mapping[str, str]) -> Path:
    """Where the provider keys of this node's jobs lie: the user's config folder, outside the workspace."""
    config = environ.get("XDG_CONFIG_HOME")
    base = Path(config) / "peak-console" if config else platformdirs.user_config_path("peak-console")
    return base / "nodes" / f"{service_name(root)}.env"


def service_of(root: Path, manager: Manager, python: str, environ: Mapping[str, str]) -> Service:
    """The unit of the workspace at ``root``, run by the interpreter ``python``."""
    name, home = service_name(root), Path(environ.get("HOME") or Path.home())
    keys = environment_file(root, environ)
    kept = {one: environ[one] for one in _KEPT if environ.get(one)}
    words = [python, "-m", "peak_console.node", "--root", str(root), "--environment-file", str(keys)]
    if manager is Manager.LAUNCHD:
        label = f"org.peak-console.{name}"
        path = home / "Library" / "LaunchAgents" / f"{label}.plist"
        start: tuple[tuple[str, ...], ...] = (("launchctl", "load", "-w", str(path)),)
        return Service(manager, label, path, _plist(label, words, root, kept), keys, start)
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    path = config / "systemd" / "user" / f"{name}.service"
    start = (
        ("systemctl", "--user", "daemon-reload"),
        ("systemctl", "--user", "enable", "--now", f"{name}.service"),
        ("loginctl", "enable-linger"),
    )
    return Service(manager, name, path, _unit(words, root, kept), keys, start)


def _unit(words: list[str], root: Path, kept: Mapping[str, str]) -> str:
    lines = [
        f"# {MARK}",
        "[Unit]",
        f"Description=Peak Console node of {str(root).translate(_SPECIFIERS)}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in words)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(kept.items())),
        f"WatchdogSec={WATCHDOG_S}",
        "Restart=always",
        "RestartSec=1",
        "KillMode=mixed",
        "TimeoutStopSec=15",
        "UMask=0007",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    return f'"{word.translate(_SPECIFIERS)}"'


def _plist(label: str, words: list[str], root: Path, kept: Mapping[str, str]) -> str:
    """There is no watchdog in launchd: the node is told to watch itself."""
    fields = {
        "Label": label,
        "Comment": MARK,
        "ProgramArguments": [*words, "--watchdog"],
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 1,
        "ProcessType": "Interactive",
        "WorkingDirectory": str(root),
        "Umask": 0o007,
        **({"EnvironmentVariables": dict(sorted(kept.items()))} if kept else {}),
    }
    return plistlib.dumps(fields, sort_keys=False).decode()
