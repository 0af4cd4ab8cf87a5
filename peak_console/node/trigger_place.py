"""The triggers' place in a node: what they may do, what they look at, and where they are asked."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.jobs import RunCause
from peak_console.incidents.fold import TEST_OVER
from peak_console.node.acting import NodeActing, own
from peak_console.node.late_records import LateRecords
from peak_console.node.order_breakers import OrderBreakers
from peak_console.node.triggers import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peak_console.domain.events import EventDraft
    from peak_console.ledger.service.server import Handler
    from peak_console.ledger.service.session import Session
    from peak_console.ledger.service.wire import Message
    from peak_console.node.engine import Node


def opening_of(node: "Node") -> Opening:
    """Where this node opens incidents; its triggers are looked at each second from :func:`begin` on."""

    async def append(drafts: "Sequence[EventDraft]") -> object:
        return await node.server.append(drafts, actor="node")

    opening = Opening(
        clock=node.state.clock,
        config=lambda: node.detecting.config,
        append=append,
        acting=NodeActing(node.state, node.watch, node.lowering, append, lambda: node.arming.machine.state),
    )
    opening.on_acting.append(node.arming.stir)  # whoever asked to arm did not know of it: they ask again
    return opening


def handlers(node: "Node") -> "dict[str, Handler]":
    """The operation that ends a test alert, of any other incident refused; and what drift's tests say."""

    async def test_over(message: "Message", session: "Session") -> "Message":
        session.require_writing()
        incident_id = message.get("incident_id")
        known = node.detecting.openings.one(incident_id) if isinstance(incident_id, str) else None
        if session.is_agent or known is None or known.trigger != Trigger.TEST:
            raise ControlRefused(
                "only a person ends a test alert, and nothing else this way",
                code="no_test_alert",
                remedy="close an incident with: peak incident close",
            )
        body = {"incident_id": known.incident_id, "action": TEST_OVER, "ok": True}
        (ack,) = await node.server.append([own(EventKind.INCIDENT_ACTION_TAKEN, body)], actor="node")
        return {"seq": ack.seq}

    async def drift(_: "Message", __: "Session") -> "Message":
        return node.detecting.drift.report()

    return {"incident.test_over": test_over, "drift.status": drift}


def begin(node: "Node") -> None:
    """Tell what happened before this node, and watch from now on."""
    node.detecting.conflicts = lambda: node.watch.folded.conflicts
    node.detecting.missing_workers = lambda: [asdict(one) for one in node.notices.workers.missing()]
    node.detecting.serve(node.opening)
    node.watch.each_second.append(node.detecting.second)
    late = LateRecords(node.ws, lambda drafts, actor: node.server.append(drafts, actor=actor))
    late.look()
    node.watch.each_second.append(late.look)
    node.watch.each_second.append(node.order_breakers.second)
    node.detecting.drift.ask_for = partial(_look_into, node)


async def _look_into(node: "Node", job: str, params: "Mapping[str, Any]") -> object:
    """Have a job run because of a suspicion of drift."""
    reason = f"{params['signal']} of {params['provider']}:{params['model_id']} is suspicious"
    return await node.scheduling.ask(
        job, cause=RunCause.SUSPICION, params=params, asked_by="node", reason=reason
    )


def order_breakers_of(node: "Node") -> OrderBreakers:
    """The breakers of orders; who follows orders sets their ``figures``."""

    async def append(drafts: "Sequence[EventDraft]") -> object:
        return await node.server.append(drafts, actor="node")

    return OrderBreakers(node.state, append)
