"""The record of what was done while no node answered."""

from dataclasses import replace

from peak_console.control.stop import login
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.containing import ALL, Contained, action_draft, opening_draft


def record_contained(client: BlockingLedgerClient, done: Contained, reason: str = "") -> Contained:
    """Record the opening and each action; raises as the node refuses."""
    steps = [one for one in done.steps if one.name in ALL]
    names = ", ".join(one.name for one in steps)
    who = login()
    summary = f"{who} asked for: {names}" + (f": {reason}" if reason else "")
    opening = [opening_draft(done.incident_id, who, summary)] if done.opened else []
    client.append([*opening, *(action_draft(done.incident_id, one) for one in steps)])
    return replace(done, recorded=True, why="")
