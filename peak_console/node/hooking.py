"""The child that tells hooks: there while hooks are configured, and not otherwise."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from peak_console.config.sources import MAIN_FILES
from peak_console.config.workspace import Workspace
from peak_console.node.children import Child
from peak_console.operations.settings import hook_settings

MODULE: Final = "peak_console.node.hookchild"
LOOK_S: Final = 1.0
"""How often the file is looked at; it is read only where it changed."""


async def keep_hooks(
    ws: Workspace,
    children: list[Child],
    *,
    said: Callable[[dict[str, Any]], None] | None = None,
    look_s: float = LOOK_S,
) -> None:
    """Keep the child in ``children`` while hooks are configured; of a broken file the last good ones.

    ``said`` takes what the child says.
    """
    child, task = Child("hooks", MODULE, ws.root, said=said), None
    seen: tuple[tuple[int, int], ...] = ()
    try:
        while True:
            now = _stamp(ws)
            if now != seen:
                seen, hooks = now, hook_settings(ws)
                if hooks and task is None:
                    task = asyncio.create_task(child.keep())
                    children.append(child)
                elif hooks == () and task is not None:
                    await _ended(task)
                    task = None
                    children.remove(child)
            await asyncio.sleep(look_s)
    finally:
        if task is not None:
            await _ended(task)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _stamp(ws: Workspace) -> tuple[tuple[int, int], ...]:
    """What tells that the file changed, in either form."""
    found = []
    path = ws.root / MAIN_FILES["incidents"]
    for one in (path, path.with_suffix(".yaml"), path.with_suffix(".yml")):
        with contextlib.suppress(OSError):
            state = one.stat()
            found.append((state.st_mtime_ns, state.st_size))
    return tuple(found)
