"""Lifting what was lowered alone, as the console asks for it: a scope's stop, *reduce*, a latched breaker."""

from collections.abc import Mapping
from dataclasses import dataclass

from peak_console.config.workspace import Workspace
from peak_console.control.sockets import check_socket, socket_path
from peak_console.domain.errors import NodeUnreachable, UsageWrong
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.breakers import reset_breaker
from peak_console.operations.enable import CONFIRM_WORD, enable_scope
from peak_console.operations.stop import NODE_SOCKET

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class LiftDone:
    """What was lifted, by whom, its place on the ledger; ``shown`` once the lease no longer says it."""

    scope: str
    operator: str
    seq: int
    shown: bool = True
    breaker: str = ""
    """The kind of the breaker that was reset; empty where a stop was lifted."""


def _node(ws: Workspace) -> BlockingLedgerClient:
    path = socket_path(ws.control, NODE_SOCKET)
    if not path.exists():
        raise NodeUnreachable("no node runs on this workspace", remedy="start it: peak node start")
    check_socket(path)
    return BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S)


def scope_cooldown_left_s(ws: Workspace, scope: str) -> int:
    """Seconds until the node allows ``scope`` to be lifted; 0 where it does or knows of no stop of it."""
    with _node(ws) as client:
        told = client.request("control").get("lowered")
    mark = told.get(scope) if isinstance(told, Mapping) else None
    left = mark.get("cooldown_left_s") if isinstance(mark, Mapping) else 0
    return left if type(left) is int else 0


def lift_through_node(
    ws: Workspace,
    scope: str,
    *,
    reason: str,
    confirm: str,
    operator: str,
    breaker: str = "",
    environ: Mapping[str, str] | None = None,
) -> LiftDone:
    """Lift the stop of ``scope`` (or ``reduce``); with ``breaker``, reset the breaker of that kind on it.

    Raises what ``enable_scope`` and ``reset_breaker`` do, and ``NodeUnreachable`` where no node runs.
    """
    if confirm != CONFIRM_WORD:
        raise UsageWrong(
            f"the word {CONFIRM_WORD} was not typed", code="confirm_missing", remedy=f"type {CONFIRM_WORD}"
        )
    with _node(ws) as client:
        if breaker:
            reset = reset_breaker(ws, client, breaker, scope, reason=reason, by=operator, environ=environ)
            return LiftDone(scope, reset.operator, reset.seq, breaker=breaker)
        lifted = enable_scope(
            ws, client, scope=scope, reason=reason, confirm=confirm, operator=operator, environ=environ
        )
        return LiftDone(lifted.scope, lifted.operator, lifted.seq, lifted.shown)
