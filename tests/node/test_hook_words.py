"""What the hooks' child says on its pipe is recorded as the node's; whatever else it says is not."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from node_world import World

from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventDraft
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.hook_words import HookWords, draft_from
from peak_console.node.hookchild import Recorder

ID = "inc_20261122_030000_abc123"
BODY: dict[str, Any] = {
    "incident_id": ID,
    "action": "told",
    "hook": "pager",
    "about": "incident.opened",
    "ok": True,
    "tries": 1,
    "detail": "200",
}
DRAFT = EventDraft("ev_told_4_opened_pager", "incident.action_taken", BODY)


def line(event_id: object = DRAFT.event_id, **changes: object) -> dict[str, Any]:
    """A line of the child's."""
    return {"told": {"event_id": event_id, "body": {**BODY, **changes}}}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ready": True},
        {"told": 3},
        line(event_id="ev_1"),
        line(event_id=None),
        line(action="stop_scope"),
        line(action="seen"),
        line(ok="yes"),
        line(incident_id="../x"),
        line(tries=True),
    ],
)
def test_nothing_but_what_became_of_a_hook_is_taken(said: dict[str, Any]) -> None:
    """And of that only the fields that are known, on one line each."""
    assert draft_from(said) is None
    assert draft_from(line()) == DRAFT
    taken = draft_from(line(detail="a\x1b[2J\nb", operator="root"))
    assert taken is not None
    assert not {"\x1b", "\n"} & set(str(taken.body["detail"]))
    assert "operator" not in taken.body


async def test_the_child_says_it_until_the_ledger_has_it(world: World) -> None:
    """Not while the node takes nothing; then once, in the node's own name."""
    writer = LedgerWriter(world.ws.ledger, clock=SystemClock())
    takes = False

    async def append(drafts: Sequence[EventDraft]) -> None:
        if not takes:
            raise LedgerUnavailable("full", code="ledger_full")
        writer.append([(one, "node") for one in drafts])

    words, loop = HookWords(append), asyncio.get_running_loop()
    record = Recorder(world.ws, lambda **said: loop.call_soon_threadsafe(words, said), patience_s=0.05)
    try:
        assert not await asyncio.to_thread(record, DRAFT)
        takes = True
        record._patience_s = 60.0
        assert await asyncio.to_thread(record, DRAFT)
        assert await asyncio.to_thread(record, DRAFT), "what is there is not said again"
    finally:
        record.close()
        writer.close()
    (found,) = [one for one in world.events() if one.event_id == DRAFT.event_id]
    assert (found.actor, found.body) == ("node", BODY)
