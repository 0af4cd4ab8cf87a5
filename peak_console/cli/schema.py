"""``peak schema``: the JSON Schema of what ``--json`` prints, and of every config."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.json_schema import FILES, schema_of, schemas
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.operations.shapes import SHAPES


@click.command("schema", epilog="Example: peak schema --configs .schemas")
@click.argument("name", required=False)
@click.option("--config", "config", help="The schema of a config instead, for example matrix or scope.")
@click.option(
    "--configs",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the schemas of all configs into this folder, <config>.schema.json each.",
)
@common
def command(invocation: Invocation, name: str | None, config: str | None, folder: Path | None) -> int:
    """Print the JSON Schema of one command's --json output, or of all. NAME is for example status or lint.

    With --config or --configs it is the schema of a config file (draft 2020-12), by which an editor
    completes and checks it: docs/matrix.md says how.
    """
    if sum(one is not None for one in (name, config, folder)) > 1:
        raise UsageWrong("these ask for different things", remedy="leave all but one of them out")
    if folder is not None:
        return _write(invocation, folder)
    document = _config(config) if config is not None else _output(name)
    if invocation.as_json:
        invocation.reporter.result(document)
    else:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0


def _output(name: str | None) -> dict[str, Any]:
    if name is None:
        return {one: shape.model_json_schema() for one, shape in SHAPES.items()}
    if name not in SHAPES:
        raise UsageWrong(f"there is no schema '{name}'", remedy=f"name one of: {', '.join(SHAPES)}")
    return SHAPES[name].model_json_schema()


def _config(kind: str) -> dict[str, Any]:
    if kind not in FILES:
        raise UsageWrong(
            f"there is no schema of a config '{kind[:40]}'",
            code="no_such_config",
            remedy=f"name one of: {', '.join(FILES)}",
        )
    return schema_of(kind)


def _write(invocation: Invocation, folder: Path) -> int:
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, schema in schemas().items():
            path = folder / f"{kind}.schema.json"
            path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
            written[kind] = {"schema": str(path), "file": FILES[kind]}
    except OSError as error:
        raise EnvironmentUnfit(
            f"{folder} cannot be written: {error.strerror or error}",
            code="folder_unwritable",
            remedy="name a folder that you can write",
        ) from error
    lines = [f"{one['schema']}  for {one['file']}" for one in written.values()]
    invocation.reporter.result({"schemas": written}, *lines)
    return 0
