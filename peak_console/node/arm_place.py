"""Where arming sits in the node: what it is given, and when it is asked."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from peak_console.domain.events import EventDraft
from peak_console.node.arm_operations import ArmOperations
from peak_console.node.arm_record import ArmRecord
from peak_console.node.arming import ArmKeeper, Around
from peak_console.operations.checklists import pre_live

if TYPE_CHECKING:
    from peak_console.ledger.service.privileges import Authorise
    from peak_console.ledger.service.server import Handler
    from peak_console.node.engine import Node
    from peak_console.operations.views.checklists import Checklist


def arming_of(
    node: "Node", record: ArmRecord, authorise: "Authorise"
) -> "tuple[ArmKeeper, dict[str, Handler]]":
    """The node's arming and its operations; what they need of the node is looked up when it is needed."""

    async def append(drafts: Sequence[EventDraft], actor: str) -> object:
        return await node.server.append(drafts, actor=actor)

    def show() -> None:
        node.watch.renew_now()

    def look() -> None:
        node.watch.check_configs()
        node.watch.renew_now()

    def checklist() -> "Checklist":
        return pre_live(node.ws, node.state.clock)

    around = Around(
        append=append,
        authorise=authorise,
        look=look,
        show=show,
        folded=lambda: node.watch.folded,
        order_breakers=lambda: node.order_breakers.tripped(),  # noqa: PLW0108 - it is made later
        checklist=checklist,
        open_incident=lambda *told: node.opening.open(*told),  # noqa: PLW0108 - it is made later
        environ=os.environ,
    )
    keeper = ArmKeeper(node.state, record, around)
    return keeper, ArmOperations(keeper, node.state, record, around).handlers()


def attach(node: "Node") -> None:
    """Ask arming before every look at the lease, and tell it at once of what ends it."""
    node.watch.before_lease.append(node.arming.tick)
    node.watch.on_posture_changed.append(lambda _, __: node.arming.tick())
    node.lowering.on_disarm.append(node.arming.lower)
