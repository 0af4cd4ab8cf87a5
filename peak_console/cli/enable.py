"""``peak enable``: from STOPPED to DISARMED."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.config.workspace import Workspace
from peak_console.domain.stopping import GLOBAL, REDUCE
from peak_console.node.spawn import connect_node, ensure_node
from peak_console.operations.enable import enable_scope, enable_workspace


@click.command("enable", epilog='Example: peak enable --reason "first research calls" --confirm ENABLE')
@click.option("--reason", default="", help="Why calls may be made; it is recorded.")
@click.option("--confirm", default="", metavar="ENABLE", help="The word ENABLE, typed.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@click.option(
    "--scope",
    default=GLOBAL,
    help="What to lift: a stopped scope as layer:L2, or reduce (default: everything).",
)
@common
def command(invocation: Invocation, reason: str, confirm: str, operator: str | None, scope: str) -> int:
    """Permit calls in this workspace: from STOPPED to DISARMED. No live order is permitted by it.

    Needs an enrolled operator's key, a reason and the typed word. Starts the node when none runs.
    After a stop it needs the cooldown and green health too, and limits come back in steps. With --scope
    it lifts the stop of that scope alone, or reduce; a global enable lifts neither.
    """
    ws = invocation.workspace()
    ensure_node(ws)
    if scope != GLOBAL:
        return _lift(invocation, ws, scope, reason=reason, confirm=confirm, operator=operator)
    with connect_node(ws, name="peak enable") as client:
        enabled = enable_workspace(ws, client, reason=reason, confirm=confirm, operator=operator)
    posture = enabled.posture
    document = {
        "event_id": enabled.event_id,
        "seq": enabled.seq,
        "operator": enabled.operator,
        "posture": {"state": posture.state.value, "calls": posture.calls, "reasons": list(posture.reasons)},
    }
    lines = [f"{posture.state.value}  {ws.root}", f"recorded as #{enabled.seq:,} by {enabled.operator}"]
    if not posture.calls:
        lines.append(f"calls are not permitted yet: {', '.join(posture.reasons)}; see: peak status")
    invocation.reporter.result(document, *lines, "to stop: peak stop")
    return 0


def _lift(
    invocation: Invocation, ws: Workspace, scope: str, *, reason: str, confirm: str, operator: str | None
) -> int:
    with connect_node(ws, name="peak enable") as client:
        lifted = enable_scope(ws, client, scope=scope, reason=reason, confirm=confirm, operator=operator)
    posture = lifted.posture
    document = {
        "scope": lifted.scope,
        "event_id": lifted.event_id,
        "seq": lifted.seq,
        "operator": lifted.operator,
        "shown": lifted.shown,
        "posture": {"state": posture.state.value, "calls": posture.calls, "reasons": list(posture.reasons)},
    }
    word = "reduce is lifted" if lifted.scope == REDUCE else f"{lifted.scope} is no longer stopped"
    lines = [f"{posture.state.value}  {ws.root}", f"{word}; recorded as #{lifted.seq:,} by {lifted.operator}"]
    if not lifted.shown:
        lines.append("the node still says that it holds: see peak node status")
    invocation.reporter.result(document, *lines, "to stop: peak stop")
    return 0
