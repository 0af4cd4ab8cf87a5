"""A demo workspace: the demo's configs, and the folders that a node and its clients write to."""

from datetime import date
from pathlib import Path

from peak_console.config.defaults import write_demo_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import EnvironmentUnfit


def make_demo_workspace(root: Path, *, today: date) -> Workspace:
    """Make a demo workspace in ``root``, or take the one that is there as it stands.

    Raises ``EnvironmentUnfit`` with code ``folder_unwritable`` where that is not possible.
    """
    ws = Workspace(root.resolve())
    try:
        ws.root.mkdir(parents=True, exist_ok=True)
        if not (ws.root / "configs").exists():
            write_demo_configs(ws.root, today=today)
        for folder in (ws.runs, ws.audits, ws.keys):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{root} cannot become a demo workspace: {error.strerror or error}",
            code="folder_unwritable",
            remedy="name a folder you may write to with --root",
        ) from error
    return ws
