"""Options that every command has, and what they resolve to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from peak_console.cli.output import Reporter
from peak_console.config.workspace import Workspace, find_workspace


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the common options said."""

    root: Path | None
    reporter: Reporter

    @property
    def as_json(self) -> bool:
        """Whether one JSON document is wanted on standard output."""
        return self.reporter.as_json

    def workspace(self) -> Workspace:
        """The workspace meant; raises ``EnvironmentUnfit`` (``no_workspace``)."""
        return find_workspace(self.root)


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--root``, ``--json`` and ``--debug``; the function gets an :class:`Invocation` first."""

    @click.option("--root", type=click.Path(), help="The workspace's folder (also: PEAK_ROOT).")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("--debug", is_flag=True, help="Show where an error arose.")
    @click.pass_context
    @wraps(function)
    def wrapped(
        ctx: click.Context, /, *args: Any, root: str | None, as_json: bool, debug: bool, **kwargs: Any
    ) -> Any:
        outer = ctx.find_root().obj or {}
        named = root or outer.get("root")
        reporter = Reporter(
            as_json=as_json or bool(outer.get("as_json")), debug=debug or bool(outer.get("debug"))
        )
        return function(Invocation(Path(named) if named else None, reporter), *args, **kwargs)

    return wrapped
