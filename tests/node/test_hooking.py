"""The child that tells hooks is there while hooks are configured."""

import asyncio
from pathlib import Path

import pytest

from peak_console.config.incidents import Hook
from peak_console.config.workspace import Workspace
from peak_console.node import hooking
from peak_console.node.children import Child
from peak_console.node.hooking import keep_hooks
from peak_console.operations.settings import hook_settings

HOOK = '[[hooks]]\nname = "x"\nkind = "command"\ncommand = ["true"]\n'


async def test_the_child_comes_and_goes_with_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None without hooks; it comes when one is named, stays over a broken file, goes with the last one."""
    running: list[str] = []
    changed = asyncio.Event()

    async def keep(child: Child) -> None:
        running.append(child.state.name)
        changed.set()
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(child.state.name)
            changed.set()

    async def turn() -> None:
        async with asyncio.timeout(60):
            await changed.wait()
        changed.clear()

    looked = asyncio.Event()

    def settings(ws: Workspace) -> tuple[Hook, ...] | None:
        looked.set()
        return hook_settings(ws)

    monkeypatch.setattr(Child, "keep", keep)
    monkeypatch.setattr(hooking, "hook_settings", settings)
    config = tmp_path / "configs" / "incidents.toml"
    config.parent.mkdir()
    children: list[Child] = []
    task = asyncio.create_task(keep_hooks(Workspace(tmp_path), children, look_s=0.001))
    try:
        config.write_text(HOOK, encoding="utf-8")
        await turn()
        assert [one.state.name for one in children] == ["hooks"]
        looked.clear()
        config.write_text("[[hooks", encoding="utf-8")
        async with asyncio.timeout(60):
            await looked.wait()
        assert running == ["hooks"]
        config.write_text("# none\n", encoding="utf-8")
        await turn()
        assert running == []
        config.write_text(HOOK + HOOK.replace('"x"', '"y"'), encoding="utf-8")
        await turn()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert running == []
