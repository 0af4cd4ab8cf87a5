"""``peak schema``: the JSON Schema of what ``--json`` prints."""

import json
import sys

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.errors import UsageWrong
from peak_console.operations.shapes import SHAPES


@click.command("schema", epilog="Example: peak schema status")
@click.argument("name", required=False)
@common
def command(invocation: Invocation, name: str | None) -> int:
    """Print the JSON Schema of one command's --json output, or of all. NAME is for example status or lint."""
    if name is not None and name not in SHAPES:
        raise UsageWrong(f"there is no schema '{name}'", remedy=f"name one of: {', '.join(SHAPES)}")
    wanted = {name: SHAPES[name]} if name else SHAPES
    schemas = {one: shape.model_json_schema() for one, shape in wanted.items()}
    document = schemas[name] if name else schemas
    if invocation.as_json:
        invocation.reporter.result(document)
    else:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0
