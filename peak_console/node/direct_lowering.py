"""What clients record of lowering without asking the node to lower: it is made true before it is recorded.

Such events are open to everybody, and the ledger must never say disarmed while something is armed.
"""

import asyncio
from collections.abc import Sequence

from peak_console.control.lowered import is_drill, marked_scope
from peak_console.control.lowering import Lower, Wish
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft, EventKind
from peak_console.node.lowering import AGENTS_SCOPES, Lowering
from peak_console.node.watching import Watch


class DirectLowering:
    """Asked of a client's events before they are taken. On the node's loop only."""

    def __init__(self, lowering: Lowering, watch: Watch) -> None:
        self._lowering = lowering
        self._watch = watch

    def foresee(self, drafts: Sequence[EventDraft], actor: str) -> None:
        """Lower in memory what ``drafts`` say is lowered, and show it; a scope's stop once it is recorded.

        Raises ``ControlRefused`` of an agent's stops that were one too many: everything was stopped instead.
        """
        wishes = [wish for wish in map(_wish, drafts) if wish is not None]
        if not wishes:
            return
        if self._lowering.is_one_too_many(wishes, actor):
            real = [one for one in wishes if not is_drill(one.scope)]
            for one in real[:1]:
                self._lowering.stop_all(one)
            self._watch.renew_now()
            raise ControlRefused(
                f"agents and jobs hold at most {AGENTS_SCOPES} scopes"
                + (": everything was stopped instead" if real else ""),
                code="too_many_scopes",
                remedy="see what holds: peak status",
            )
        for wish in wishes:
            self._lowering.end_arming(wish, actor)
        self._watch.renew_now()
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._watch.renew_now)  # after the commit, which may wait before it


def _wish(draft: EventDraft) -> Wish | None:
    """What an event says is lowered; the scope of a global stop is empty. ``None`` of any other."""
    body, said = draft.body, str(draft.body.get("stop_id", ""))
    if draft.kind == EventKind.CONTROL_DISARMED:
        return Wish(Lower.DISARM, said, operator=str(body.get("operator", "")))
    if draft.kind == EventKind.CONTROL_REDUCED:
        return Wish(Lower.REDUCE, said)
    scope = marked_scope(body.get("scope")) if draft.kind == EventKind.CONTROL_STOPPED else None
    return (
        None if scope is None else Wish(Lower.STOP, said, scope.text, operator=str(body.get("operator", "")))
    )
