"""``peak node``: the one process per workspace that writes the ledger and renews the lease."""

import os
import sys
from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.control.running import MODULE
from peak_console.node.spawn import ensure_node, node_status, stop_node


@click.group("node", epilog="Example: peak node status")
def command() -> None:
    """The node: it writes the ledger and renews the lease under which calls may be made."""


@command.command("run", epilog="Example: peak node run --root desk")
@common
def run(invocation: Invocation) -> None:
    """Be the node, in the foreground, until Ctrl-C. This is what a service manager starts."""
    root = str(invocation.workspace().root)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", MODULE, "--root", root])  # noqa: S606 - our own module


@command.command("start", epilog="Example: peak node start")
@common
def start(invocation: Invocation) -> int:
    """Start the node in the background, unless it runs already."""
    info = ensure_node(invocation.workspace())
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
