"""The config that a command of the workbench is about: always the matrix, or the one that is named."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.editing.targets import Target, target_named, targets_of
from peak_console.config.workspace import Workspace

Named = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Adds the common options; the command gets its invocation, the workspace and the target first."""


def named(fixed: str | None) -> Named:
    """For the commands of one config, or with an argument CONFIG where ``fixed`` is ``None``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapped(invocation: Invocation, *args: Any, config: str = fixed or "", **kwargs: Any) -> Any:
            ws = invocation.workspace()
            return function(invocation, ws, find(ws, config), *args, **kwargs)

        outer = common(wrapped)
        if fixed is not None:
            return outer
        return click.argument("config", shell_complete=_complete)(outer)

    return decorate


def find(ws: Workspace, name: str) -> Target:
    """The target of a name, as it stands (TOML, or the YAML in its place); raises ``UsageWrong``."""
    target = target_named(name)
    return next((one for one in targets_of(ws) if one.name == target.name), target)


def example(fixed: str | None, words: str) -> str:
    """An example for the help: of the matrix, or of another config."""
    return f"Example: peak {'matrix' if fixed else 'config'} {words}"


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from peak_console.config.workspace import find_workspace  # noqa: PLC0415 - only while completing
    from peak_console.domain.errors import PeakError  # noqa: PLC0415 - the same

    try:
        ws = find_workspace((ctx.find_root().params or {}).get("root"))
    except PeakError:
        return []
    return [one.name for one in targets_of(ws) if one.name.startswith(incomplete)]
