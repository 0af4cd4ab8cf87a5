"""The node as a service: write its unit, say what starts it, find out whether it is in service."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.service import MARK, Manager, Service, manager_of, service_of
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit
from peak_console.domain.text import one_line

_ENVIRONMENT_HEAD: Final = """\
# Provider keys of this node's jobs and gateway, one NAME=value a line.
# Neither the node nor its other children get them. Keep this file closed: chmod 600.
# OPENAI_API_KEY=
"""
_WAIT_S: Final = 20

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run_command(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a service manager's command; what it says is taken, a program that is missing exits with 127."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=_WAIT_S)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(list(words), 127, "", str(error))


@dataclass(frozen=True, slots=True)
class Installed:
    """A unit that was written, and what became of starting it."""

    service: Service
    written: bool
    """False where the same unit stood there already."""
    started: bool
    failed: tuple[tuple[str, str], ...] = ()
    """Commands that failed, with what they said."""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        one = self.service
        return {
            "manager": one.manager.value,
            "name": one.name,
            "unit": str(one.path),
            "written": self.written,
            "environment_file": str(one.environment_file),
            "start": [" ".join(words) for words in one.start],
            "started": self.started,
            "failed": [{"command": command, "said": said} for command, said in self.failed],
        }


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Whether the node is a service here, as far as the manager tells."""

    service: Service
    installed: bool
    current: bool
    """Whether the unit is what would be written now."""
    active: bool | None
    enabled: bool | None
    """Whether it starts with the machine; ``None`` where nobody tells."""
    detail: str = ""


def plan(ws: Workspace, environ: Mapping[str, str] | None = None, *, platform: str = sys.platform) -> Service:
    """The unit of this workspace for this platform and interpreter."""
    environ = os.environ if environ is None else environ
    return service_of(ws.root.resolve(), manager_of(platform), sys.executable, environ)


def install(
    service: Service, *, start: bool = False, force: bool = False, run: Run = run_command
) -> Installed:
    """Write the unit and, where there is none, the closed environment file; with ``start`` put it in service.

    Raises ``ControlRefused`` (``unit_foreign``) where a unit of that name is not ours and ``force`` is not
    given, ``EnvironmentUnfit`` (``unit_unwritable``) where it cannot be written.
    """
    found = _read(service.path)
    if found is not None and MARK not in found and not force:
        raise ControlRefused(
            f"{service.path} was not written by peak node install",
            code="unit_foreign",
            remedy="look at it; to write over it: peak node install --force",
        )
    try:
        if found != service.text:
            _write(service.path, service.text, 0o644)
        if not service.environment_file.exists():
            _write(service.environment_file, _ENVIRONMENT_HEAD, 0o600)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{error.filename or service.path} cannot be written: {error.strerror or error}",
            code="unit_unwritable",
            remedy="check the folder and who may write it; see the text with: peak node install --print",
        ) from error
    failed = tuple(_started(service, run)) if start else ()
    refused = any(command.startswith(service.start[0][0]) for command, _ in failed)
    return Installed(service, found != service.text, started=start and not refused, failed=failed)


def uninstall(service: Service, *, run: Run = run_command) -> bool:
    """Take the unit out of service and away; whether there was one of ours. Data stays."""
    found = _read(service.path)
    if found is None:
        return False
    if MARK not in found:
        raise ControlRefused(
            f"{service.path} was not written by peak node install",
            code="unit_foreign",
            remedy="remove it yourself if it is yours",
        )
    if service.manager is Manager.SYSTEMD:
        run(["systemctl", "--user", "disable", "--now", f"{service.name}.service"])
    else:
        run(["launchctl", "unload", "-w", str(service.path)])
    service.path.unlink(missing_ok=True)
    if service.manager is Manager.SYSTEMD:
        run(["systemctl", "--user", "daemon-reload"])
    return True


def is_installed(path: Path) -> bool:
    """Whether a unit of ours lies there; the service manager is not asked."""
    return MARK in (_read(path) or "")


def start_command(service: Service) -> str:
    """The command that starts an installed service, as people type it."""
    if service.manager is Manager.LAUNCHD:
        return f"launchctl start {service.name}"
    return f"systemctl --user start {service.name}"


def service_state(service: Service, *, run: Run = run_command) -> ServiceState:
    """Whether it is installed, running and starts with the machine; what nobody tells is ``None``."""
    text = _read(service.path)
    ours = text is not None and MARK in text
    if not ours:
        return ServiceState(service, installed=False, current=False, active=None, enabled=None)
    current = text == service.text
    if service.manager is Manager.LAUNCHD:
        told = run(["launchctl", "list", service.name])
        active = told.returncode == 0 if shutil.which("launchctl") else None
        return ServiceState(service, installed=True, current=current, active=active, enabled=active)
    if shutil.which("systemctl") is None:
        return ServiceState(
            service,
            installed=True,
            current=current,
            active=None,
            enabled=None,
            detail="systemctl is not here",
        )
    unit = f"{service.name}.service"
    running, at_start = (run(["systemctl", "--user", word, unit]) for word in ("is-active", "is-enabled"))
    unknown = "bus" in running.stderr.lower()
    return ServiceState(
        service,
        installed=True,
        current=current,
        active=None if unknown else running.returncode == 0,
        enabled=None if unknown else at_start.returncode == 0,
        detail=one_line(running.stderr.strip() or running.stdout.strip(), 200),
    )


def _started(service: Service, run: Run) -> "list[tuple[str, str]]":
    """Run the commands that put it in service; the last one, which lets it outlive the login, may fail."""
    failed = []
    for words in service.start:
        done = run(words)
        if done.returncode:
            said = one_line((done.stderr or done.stdout).strip(), 300) or f"exit {done.returncode}"
            failed.append((" ".join(words), said))
    return failed


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return None


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    private = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        private.replace(path)
    except OSError:
        private.unlink(missing_ok=True)
        raise
