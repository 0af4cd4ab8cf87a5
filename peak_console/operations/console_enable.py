"""Enable as the console asks for it: over the node that runs, with the key of this user."""

from collections.abc import Mapping

from peak_console.config.workspace import Workspace
from peak_console.control.sockets import check_socket, socket_path
from peak_console.domain.errors import NodeUnreachable
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import Enabled, enable_workspace
from peak_console.operations.stop import NODE_SOCKET

_PATIENCE_S = 5.0


def cooldown_left_s(ws: Workspace) -> int:
    """Seconds until the node allows an enable, 0 where it does or none runs. Raises ``PeakError``."""
    path = socket_path(ws.control, NODE_SOCKET)
    if not path.exists():
        return 0
    check_socket(path)
    with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
        left = client.request("control").get("cooldown_left_s")
    return left if isinstance(left, int) else 0


def enable_through_node(
    ws: Workspace,
    *,
    reason: str,
    confirm: str,
    operator: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Enabled:
    """Enable ``ws``; raises what ``enable_workspace`` does, and ``NodeUnreachable`` where no node runs."""
    path = socket_path(ws.control, NODE_SOCKET)
    if not path.exists():
        raise NodeUnreachable("no node runs on this workspace", remedy="start it: peak node start")
    check_socket(path)
    with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
        return enable_workspace(
            ws, client, reason=reason, confirm=confirm, operator=operator, environ=environ
        )
