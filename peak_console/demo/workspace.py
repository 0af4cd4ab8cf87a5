"""A demo workspace: the demo's configs, and the folders that a node and its clients write to."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from peak_console.config.defaults import bring_demo_jobs, write_demo_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit


def make_demo_workspace(
    root: Path, *, today: date, told: Callable[[str], None] = lambda _: None
) -> Workspace:
    """Make a demo workspace in ``root``, or take the one that is there as it stands.

    One of before that has no jobs, or not the prompts of their cycles, gets the demo's; ``told`` is given a
    line that says so. Raises
    ``EnvironmentUnfit`` with code ``folder_unwritable`` where that is not possible.
    """
    ws = Workspace(root.resolve())
    try:
        ws.root.mkdir(parents=True, exist_ok=True)
        if not (ws.root / "configs").exists():
            write_demo_configs(ws.root, today=today)
        elif brought := bring_demo_jobs(ws.root, today=today):
            told(f"this demo of before had no jobs or prompts of theirs, so were added: {', '.join(brought)}")
        for folder in (ws.runs, ws.audits, ws.keys):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{root} cannot become a demo workspace: {error.strerror or error}",
            code="folder_unwritable",
            remedy="name a folder you may write to with --root",
        ) from error
    return ws
