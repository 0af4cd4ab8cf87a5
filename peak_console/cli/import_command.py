"""``peak import``: what an organisation already has, read without changing it; the result is a draft."""

import click

from peak_console.cli.import_registry import registry_command
from peak_console.cli.import_scopes import scopes_command


@click.group("import", epilog="Example: peak import scopes config/capability_scopes")
def command() -> None:
    """Read configs of another form: every mapping, loss and conflict is listed, the result is a draft.

    Nothing is overwritten: a draft waits in the editor until somebody saves it.
    """


command.add_command(registry_command)
command.add_command(scopes_command)
