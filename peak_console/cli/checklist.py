"""``peak checklist``: what the runbook asks before a merge, shadow and live, and what of it is so."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.text import one_line
from peak_console.node.spawn import ledger_client
from peak_console.operations.checklists import NAMES, checklist, sign
from peak_console.operations.views.checklists import Checklist, ItemState

_WORDS = {
    ItemState.GREEN: "green",
    ItemState.AMBER: "AMBER",
    ItemState.RED: "RED",
    ItemState.UNKNOWN: "unknown",
}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@click.group("checklist", invoke_without_command=True, epilog="Example: peak checklist pre-live")
@common
def command(invocation: Invocation) -> int | None:
    """The runbook's checklists, each item from evidence with its age, or signed by an operator.

    Without a name: all of them. Exit 0 when all items are green, 1 when not. Only what is green counts.
    """
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        _hand_on(ctx, invocation)
        return None
    ws = invocation.workspace()
    found = [checklist(ws, name) for name in NAMES]
    lines = [line for one in found for line in (*_lines(one), "")]
    invocation.reporter.result({"checklists": [one.as_json() for one in found]}, *lines[:-1])
    return 0 if all(one.green for one in found) else 1


@command.command("pre-merge", epilog="Example: peak checklist pre-merge --json")
@common
def pre_merge_command(invocation: Invocation) -> int:
    """Before a merge: the deny tried, configs clean, evals not worse, log lines whole."""
    return _show(invocation, "pre-merge")


@command.command("pre-shadow", epilog="Example: peak checklist pre-shadow")
@common
def pre_shadow_command(invocation: Invocation) -> int:
    """Before shadow: the lock holds, dashboards work, kill switches were tested."""
    return _show(invocation, "pre-shadow")


@command.command("pre-live", epilog="Example: peak checklist pre-live")
@common
def pre_live_command(invocation: Invocation) -> int:
    """Before live, and before each arming there: arming tested, rollback rehearsed, escalation, readiness."""
    return _show(invocation, "pre-live")


@command.command("sign", epilog='Example: peak checklist sign eval_suite --note "40 answers read"')
@click.argument("item")
@click.option("--note", default="", help="What you looked at; it is recorded.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@common
def sign_command(invocation: Invocation, item: str, note: str, operator: str | None) -> int:
    """Put your word on ITEM on record. It counts 30 days, and where it stands for a figure, one matrix long.

    A word makes an item amber, and green only where nobody but a person can judge it (docs/checklists.md).
    """
    ws = invocation.workspace()
    with ledger_client(ws, name="peak checklist") as client:
        done = sign(ws, client, item, note=note, operator=operator)
    line = f"{item} of {done.checklist} is signed by {done.operator} (#{done.seq:,}): {done.item.state}"
    invocation.reporter.result(done.as_json(), line)
    return 0


def _show(invocation: Invocation, name: str) -> int:
    found = checklist(invocation.workspace(), name)
    invocation.reporter.result(found.as_json(), *_lines(found))
    return 0 if found.green else 1


def _hand_on(ctx: click.Context, invocation: Invocation) -> None:
    """What was said before the list's name holds behind it as well."""
    said = ctx.find_root().ensure_object(dict)
    if invocation.as_json:
        said["as_json"] = True
    if invocation.root is not None:
        said["root"] = invocation.root


def _lines(found: Checklist) -> list[str]:
    rows = [
        [_WORDS[one.state], one.title, one_line(one.evidence, 160), _age(one.age_s(found.taken_at))]
        for one in found.items
    ]
    missing = [one for one in found.items if one.state is not ItemState.GREEN]
    word = "all green" if found.green else f"{len(missing)} of {counted(len(found.items), 'item')} not green"
    lines = [f"{found.name}: {word}", *table(["state", "item", "evidence", "age"], rows)]
    return [*lines, *(f"  {one.id}: {one_line(one.remedy, 160)}" for one in missing if one.remedy)]


def _age(seconds: float | None) -> str:
    """An age in its largest unit: ``3 h``."""
    if seconds is None:
        return ""
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "now"
