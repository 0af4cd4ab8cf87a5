"""The commands of the workbench: once for the matrix, once for every other config."""

import click

from peak_console.cli.workbench_changing import (
    discard_command,
    fix_command,
    rollback_command,
    save_command,
    set_command,
    unset_command,
)
from peak_console.cli.workbench_editing import edit_command
from peak_console.cli.workbench_reading import at_command, diff_command, history_command, show_command


def add_workbench(group: click.Group, fixed: str | None) -> None:
    """Add every command to a group; ``fixed`` is the config they are all about, ``None`` an argument."""
    for make in (
        show_command,
        diff_command,
        set_command,
        unset_command,
        edit_command,
        history_command,
        at_command,
        rollback_command,
        fix_command,
        save_command,
        discard_command,
    ):
        command = make(fixed)
        command.params.sort(key=lambda one: one.name != "config")  # whatever else follows it
        group.add_command(command)
