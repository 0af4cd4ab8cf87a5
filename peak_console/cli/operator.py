"""``peak operator``: who may take actions that go more dangerous."""

from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.node.spawn import ledger_client
from peak_console.operations.operators import enroll, list_operators, remove


@click.group("operator", epilog="Example: peak operator list")
def command() -> None:
    """Operators: an OS user plus an enrolled key, proved for everything that goes more dangerous."""


@command.command("list", epilog="Example: peak operator list --json")
@common
def list_command(invocation: Invocation) -> int:
    """Every operator, and whose key you hold."""
    found = list_operators(invocation.workspace())
    rows = [[one.name, _yes(holds=one.enrolled), _yes(holds=one.file), _yes(holds=one.mine)] for one in found]
    lines = table(["operator", "on the ledger", "key file", "yours"], rows) if rows else ["no operators yet"]
    invocation.reporter.result({"operators": [one.as_dict() for one in found]}, *lines)
    return 0


@command.command("enroll", epilog="Example: peak operator enroll alice --public-key alice.pub")
@click.argument("name")
@click.option(
    "--public-key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The OpenSSH public key that NAME handed over; without it a key pair is made for you.",
)
@click.option("--by", help="Whose key signs (default: the only one you hold).")
@common
def enroll_command(invocation: Invocation, name: str, key_file: Path | None, by: str | None) -> int:
    """Enroll operator NAME, signed by an operator who is enrolled already."""
    ws = invocation.workspace()
    public_key = None if key_file is None else _read(key_file)
    with ledger_client(ws, name="peak operator") as client:
        public = enroll(ws, client, name, public_key=public_key, by=by)
    invocation.reporter.result({"operator": name, "public_key": public}, f"enrolled {name}", public)
    return 0


@command.command("remove", epilog='Example: peak operator remove alice --reason "left the desk"')
@click.argument("name")
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--by", help="Whose key signs (default: the only one you hold).")
@common
def remove_command(invocation: Invocation, name: str, reason: str, by: str | None) -> int:
    """Remove operator NAME; the key is worth nothing from then on."""
    ws = invocation.workspace()
    with ledger_client(ws, name="peak operator") as client:
        remove(ws, client, name, reason=reason, by=by)
    invocation.reporter.result({"operator": name, "removed": True}, f"removed {name}")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentUnfit(
            f"{path} cannot be read: {why}", code="key_unreadable", remedy="name an OpenSSH public key file"
        ) from error


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "no"
