"""``peak doctor``: what is wrong with this installation and this workspace, and how to mend it."""

from itertools import groupby

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.operations.doctor import Diagnosis, Examined, Health, examine

_WORDS = {
    Health.OK: "ok",
    Health.NOTE: "note",
    Health.WARN: "warn",
    Health.BAD: "BAD",
    Health.UNKNOWN: "unknown",
}


@click.command("doctor", epilog="Example: peak doctor --json")
@common
def command(invocation: Invocation) -> int:
    """Look at the program, the machine, the workspace, its ledger, node, configs and keys.

    Changes nothing and calls nobody. Each finding says what mends it. Exit 1 when something is bad, 0 when
    nothing is; a warning, and what nobody could tell, is not bad. Works without a workspace.
    """
    ws, problem = None, ""
    try:
        ws = invocation.workspace()
    except EnvironmentUnfit as error:
        if invocation.root is not None:
            raise
        problem = error.message
    found = examine(ws, problem=problem)
    invocation.reporter.result(found.as_json(), *_lines(found))
    return 0 if found.well else 1


def _lines(found: Examined) -> list[str]:
    rows = [
        [_WORDS[one.health], one.area if first else "", one.title, one.found]
        for _, group in groupby(found.diagnoses, key=lambda one: one.area)
        for first, one in _with_first(list(group))
    ]
    lines = table(["", "area", "what", "found"], rows)
    to_mend = [one for one in found.diagnoses if one.remedy and one.health is not Health.OK]
    if to_mend:
        lines += ["", "What mends it:"]
        lines += [f"  {_WORDS[one.health]:<7} {one.title}: {one.remedy}" for one in to_mend]
    bad = found.count(Health.BAD)
    lines.append("")
    lines.append(f"{counted(bad, 'thing')} bad" if bad else "nothing is bad")
    return lines


def _with_first(group: list[Diagnosis]) -> list[tuple[bool, Diagnosis]]:
    return [(at == 0, one) for at, one in enumerate(group)]
