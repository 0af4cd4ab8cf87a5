"""``peak enable``: from STOPPED to DISARMED."""

import click

from peak_console.cli.options import Invocation, common
from peak_console.domain.errors import UsageWrong
from peak_console.node.spawn import connect_node, ensure_node
from peak_console.operations.enable import enable_workspace

_GLOBAL = "global"


@click.command("enable", epilog='Example: peak enable --reason "first research calls" --confirm ENABLE')
@click.option("--reason", default="", help="Why calls may be made; it is recorded.")
@click.option("--confirm", default="", metavar="ENABLE", help="The word ENABLE, typed.")
@click.option("--operator", help="Whose key signs (default: the only one you hold).")
@click.option("--scope", default=_GLOBAL, help="Only global is built yet.")
@common
def command(invocation: Invocation, reason: str, confirm: str, operator: str | None, scope: str) -> int:
    """Permit calls in this workspace: from STOPPED to DISARMED. No live order is permitted by it.

    Needs an enrolled operator's key, a reason and the typed word. Starts the node when none runs.
    """
    if scope != _GLOBAL:
        raise UsageWrong(
            f"scope '{scope}' cannot be enabled by itself yet",
            code="scope_unknown",
            remedy="leave --scope out",
        )
    ws = invocation.workspace()
    ensure_node(ws)
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
