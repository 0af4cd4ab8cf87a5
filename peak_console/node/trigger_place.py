"""The triggers' place in a node: what they may do, what they look at, and where they are asked."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from peak_console.node.acting import NodeActing
from peak_console.node.order_breakers import OrderBreakers
from peak_console.node.triggers import Opening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peak_console.domain.events import EventDraft
    from peak_console.node.engine import Node


def opening_of(node: "Node") -> Opening:
    """Where this node opens incidents; its triggers are looked at each second from :func:`begin` on."""

    async def append(drafts: "Sequence[EventDraft]") -> object:
        return await node.server.append(drafts, actor="node")

    return Opening(
        clock=node.state.clock,
        config=lambda: node.detecting.config,
        append=append,
        acting=NodeActing(node.state, node.watch, node.lowering, append),
    )


def begin(node: "Node") -> None:
    """Tell what happened before this node, and watch from now on."""
    node.detecting.conflicts = lambda: node.watch.folded.conflicts
    node.detecting.missing_workers = lambda: [asdict(one) for one in node.notices.workers.missing()]
    node.detecting.serve(node.opening)
    node.watch.each_second.append(node.detecting.second)
    node.watch.each_second.append(node.order_breakers.second)


def order_breakers_of(node: "Node") -> OrderBreakers:
    """The breakers of orders; who follows orders sets their ``figures``."""

    async def append(drafts: "Sequence[EventDraft]") -> object:
        return await node.server.append(drafts, actor="node")

    return OrderBreakers(node.state, append)
