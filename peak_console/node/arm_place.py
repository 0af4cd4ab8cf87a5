"""Where arming sits in the node: what it is given, and when it is asked."""

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id, new_incident_id
from peak_console.domain.incidents import Auto, Trigger
from peak_console.node.arm_record import ArmRecord
from peak_console.node.arming import ArmKeeper, Around
from peak_console.operations.checklists import pre_live

if TYPE_CHECKING:
    from peak_console.ledger.service.privileges import Authorise
    from peak_console.node.engine import Node
    from peak_console.operations.views.checklists import Checklist


def arming_of(node: "Node", record: ArmRecord, authorise: "Authorise") -> ArmKeeper:
    """The node's arming; what it needs of the node is looked up when it is needed."""

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
        checklist=checklist,
        open_incident=_incidents_of(node),
        environ=os.environ,
    )
    return ArmKeeper(node.state, record, around)


def attach(node: "Node") -> None:
    """Ask arming before every look at the lease, and tell it at once of what ends it."""
    node.watch.before_lease.append(node.arming.tick)
    node.watch.on_posture_changed.append(lambda _, __: node.arming.tick())
    node.lowering.on_disarm.append(node.arming.lower)


def _incidents_of(node: "Node") -> Any:
    tasks = set[asyncio.Task[None]]()

    def opened(trigger: Trigger, cause: str, scope: str, summary: str, figures: Mapping[str, Any]) -> None:
        body = {
            "incident_id": new_incident_id(node.state.clock.now(), secrets.token_bytes),
            "trigger": trigger.value,
            "cause": cause,
            "scope": scope,
            "summary": summary,
            "figures": dict(figures),
            "auto": Auto.NONE.value,
            "next_action": "ask who typed; arming is locked for ten minutes, stopping is not",
        }
        draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.INCIDENT_OPENED.value, body)

        async def record() -> None:
            with suppress(PeakError):
                await node.server.append([draft], actor="node")

        task = asyncio.ensure_future(record())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return opened
