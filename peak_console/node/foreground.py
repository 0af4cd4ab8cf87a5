"""The node in the foreground: its command line, its signals, and what it tells whoever started it."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.logsend import LedgerLogHandler
from peak_console.control.service import WATCHDOG_S
from peak_console.domain.errors import PeakError
from peak_console.node.alive import Notifier, Watchdog
from peak_console.node.engine import Node
from peak_console.node.genesis import MADE_BY_NODE, Genesis

_PARENT_EVERY_S: Final = 0.5


def main() -> None:
    """Run the node until SIGTERM, SIGINT or ``peak node stop``; exits 3 when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m peak_console.node", description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="The workspace's folder.")
    parser.add_argument("--ready-fd", type=int, help="Descriptor to report the start on, as a line of JSON.")
    parser.add_argument("--simulated", action="store_true", help="A new ledger begins as a simulated one.")
    parser.add_argument("--no-children", action="store_true", help="Serve no metrics and write no log.")
    parser.add_argument("--with-parent", action="store_true", help="End when the starting process ends.")
    parser.add_argument("--environment-file", type=Path, help="Provider keys of its jobs; see node install.")
    parser.add_argument("--watchdog", action="store_true", help="End when the loop stands still.")
    options = parser.parse_args()
    ws = Workspace(options.root.resolve())
    genesis = Genesis(made_by=MADE_BY_NODE, simulated=options.simulated)
    node = Node(
        ws,
        genesis=genesis,
        children=not options.no_children,
        environment_file=options.environment_file,
    )
    watchdog = Watchdog(WATCHDOG_S) if options.watchdog else None
    sys.exit(asyncio.run(_serve(node, ws, options.ready_fd, watchdog, with_parent=options.with_parent)))


async def _serve(
    node: Node, ws: Workspace, ready_fd: int | None, watchdog: Watchdog | None, *, with_parent: bool
) -> int:
    parent = os.getppid()
    try:
        await node.start()
    except PeakError as error:
        _tell(ready_fd, {"error": {"type": type(error).__name__, **error.as_dict()}})
        sys.stderr.write(
            f"peak node: {error.message}\n  why: {error.why} ({error.code})\n  do:  {error.remedy}\n"
        )
        return error.exit_code
    except Exception as error:
        message = f"the node failed to start: {type(error).__name__}: {error}"
        remedy = "see it in the foreground: peak node run"
        failure = {"type": "EnvironmentUnfit", "code": "node_failed", "message": message, "remedy": remedy}
        _tell(ready_fd, {"error": failure})
        raise
    handler = LedgerLogHandler(ws.control, source="node")
    logging.getLogger("peak_console").addHandler(handler)
    logging.getLogger("peak_console").setLevel(logging.INFO)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.ask_to_end, signal.Signals(number).name)
    _tell(ready_fd, {"ready": True, "pid": os.getpid(), "socket": str(node.socket_path)})
    if ready_fd is None:
        sys.stdout.write(f"peak node: serving {ws.root} (pid {os.getpid()}); end it with Ctrl-C\n")
        sys.stdout.flush()
    notifier = Notifier(os.environ)
    notifier.tell("READY=1")
    keeping = [notifier.keep(node.advanced)]
    keeping += [_follow(parent, node)] if with_parent else []
    keeping += [watchdog.keep(node.advanced)] if watchdog is not None else []
    beside = [asyncio.create_task(one) for one in keeping]
    try:
        await node.run()
    finally:
        notifier.tell("STOPPING=1")
        for task in beside:
            task.cancel()
        logging.getLogger("peak_console").removeHandler(handler)
        handler.close()
    return 0


async def _follow(parent: int, node: Node) -> None:
    """End the node when the process that started it is gone."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(_PARENT_EVERY_S)
    node.ask_to_end("its starter ended")


def _tell(ready_fd: int | None, fields: dict[str, object]) -> None:
    if ready_fd is None:
        return
    with contextlib.suppress(OSError):
        os.write(ready_fd, json.dumps(fields).encode() + b"\n")
        os.close(ready_fd)
