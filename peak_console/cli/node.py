"""``peak node``: the one process per workspace that writes the ledger and renews the lease."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.control.running import MODULE
from peak_console.control.service import environment_file as usual_environment_file
from peak_console.domain.errors import UsageWrong
from peak_console.node.spawn import ensure_node, node_status, stop_node

if TYPE_CHECKING:
    from peak_console.operations.service import Installed


_environment_file = click.option(
    "--environment-file",
    type=click.Path(path_type=Path),
    help="Provider keys of its jobs, 0600, outside the workspace (default: the file of peak node install).",
)


@click.group("node", epilog="Example: peak node status")
def command() -> None:
    """The node: it writes the ledger and renews the lease under which calls may be made."""


@command.command("run", epilog="Example: peak node run --root desk")
@_environment_file
@common
def run(invocation: Invocation, environment_file: Path | None) -> None:
    """Be the node, in the foreground, until Ctrl-C. This is what a service manager starts."""
    root = invocation.workspace().root
    keys = environment_file or usual_environment_file(root, os.environ)
    words = ["--root", str(root), "--environment-file", str(keys.absolute())]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", MODULE, *words])  # noqa: S606 - our own module


@command.command("start", epilog="Example: peak node start")
@_environment_file
@common
def start(invocation: Invocation, environment_file: Path | None) -> int:
    """Start the node in the background, unless it runs already."""
    info = ensure_node(invocation.workspace(), environment_file=environment_file)
    word = "started" if info.started else "runs already"
    document = {"pid": info.pid, "started": info.started, "socket": str(info.socket)}
    invocation.reporter.result(document, f"the node {word} (pid {info.pid})")
    return 0


@command.command("stop", epilog="Example: peak node stop --force")
@click.option("--force", is_flag=True, help="Kill a node that does not answer.")
@common
def stop(invocation: Invocation, *, force: bool) -> int:
    """End the node: nothing new leaves, what is enabled stays enabled. To stop calls: peak stop."""
    pid = stop_node(invocation.workspace(), force=force)
    line = "no node runs here" if pid is None else f"the node ended (pid {pid})"
    invocation.reporter.result({"pid": pid, "ended": pid is not None}, line)
    return 0


@command.command("install", epilog="Example: peak node install --start")
@click.option("--start", is_flag=True, help="Also put it in service now, and at every boot.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit and write nothing.")
@click.option("--remove", is_flag=True, help="Take it out of service and remove the unit; data stays.")
@click.option("--force", is_flag=True, help="Write over a unit that this program did not write.")
@common
def install(invocation: Invocation, *, start: bool, only_print: bool, remove: bool, force: bool) -> int:
    """Make the node a service of systemd (Linux) or launchd (macOS), for this user.

    Writes the unit, and beside it an environment file (0600, outside the workspace) for the provider keys of
    jobs and gateway. The service manager restarts a node that ends or hangs. From phase shadow on a node is
    started by a service manager only. Exit 1 where --start was given and it did not come into service.
    """
    from peak_console.operations import service as services  # noqa: PLC0415 - other node commands do not need it

    if sum((start, only_print, remove)) > 1:
        raise UsageWrong(
            "--start, --print and --remove say different things", remedy="give one of them", code="usage"
        )
    unit = services.plan(invocation.workspace())
    if only_print:
        document = {"unit": str(unit.path), "text": unit.text}
        invocation.reporter.result(document, f"# {unit.path}", unit.text.rstrip())
        return 0
    if remove:
        removed = services.uninstall(unit)
        line = f"removed {unit.path}" if removed else f"there is no unit {unit.path}"
        invocation.reporter.result({"unit": str(unit.path), "removed": removed}, line)
        return 0
    done = services.install(unit, start=start, force=force)
    invocation.reporter.result(done.as_json(), *_installed(done))
    return 1 if start and not done.started else 0


def _installed(done: "Installed") -> list[str]:
    lines = [f"{'wrote' if done.written else 'stands already:'} {done.service.path}"]
    lines.append(f"provider keys of its jobs go into {done.service.environment_file}")
    lines += [f"FAILED: {command}\n  {said}" for command, said in done.failed]
    if done.started:
        lines.append("it is in service, now and at every boot; see: peak node status")
    elif not done.failed:
        lines += ["put it in service with --start, or by hand:"]
        lines += [f"  {' '.join(words)}" for words in done.service.start]
    return lines


@command.command("status", epilog="Example: peak node status --json")
@common
def status(invocation: Invocation) -> int:
    """The node's own report. Exit 3 when no node answers."""
    report = node_status(invocation.workspace())
    rows = [[name, _shown(value)] for name, value in report.items()]
    invocation.reporter.result(report, *table(["figure", "value"], rows))
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(inner)}" for name, inner in value.items()) or "—"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "—"
    return "—" if value is None else str(value)
