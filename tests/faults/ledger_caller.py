"""A caller in a process of its own, to be killed: ``python ledger_caller.py FOLDER NAME CONTROL``.

Each call is a request and its answer. What is acknowledged is written to ``FOLDER/NAME.acks``, one line
``event_id seq hash``, after the acknowledgement: whatever stands there must be in the ledger, once.
"""

import asyncio
import sys
from pathlib import Path

from peak_console.control.sockets import find_socket
from peak_console.domain.errors import NodeUnreachable
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack
from peak_console.ledger.service.client import SocketLedgerClient

TASKS = 8


def drafts_of(name: str, number: int) -> tuple[EventDraft, EventDraft]:
    """A request and its answer."""
    call = f"call_{name}_{number}"
    header = {
        "call_id": call,
        "run_id": f"run_{name}",
        "layer": "L1",
        "role": "primary",
        "provider": "openai",
    }
    asked = {"hop": 1, "bound_eur": "0.000000100", "bound_tokens": 10, "route": []}
    told = {
        "hop": 1,
        "cost_eur": "0.000000050",
        "cost_basis": "usage",
        "latency_us": 1000 + number,
        "usage": {"input": 5, "output": 5},
        "attempts": [{"number": 1, "reason": "ok"}],
    }
    return (
        EventDraft(f"ev_{call}_asked", EventKind.CALL_REQUESTED, asked, model_id="gpt-5", **header),
        EventDraft(f"ev_{call}_told", EventKind.CALL_COMPLETED, told, model_id="gpt-5", **header),
    )


async def connect(socket: Path, name: str) -> SocketLedgerClient:
    """A client, as soon as a node answers: this caller may have been born while there was none."""
    while True:
        try:
            return await SocketLedgerClient.connect(socket, name=name, deadline_s=60)
        except NodeUnreachable:
            await asyncio.sleep(0.02)


async def call_for_ever(folder: Path, name: str, control: Path) -> None:
    """Calls until killed; reconnects and repeats by itself."""
    client = await connect(find_socket(control), name)
    with (folder / f"{name}.acks").open("a", buffering=1) as acks:

        async def task(first: int) -> None:
            number = first
            while True:
                for draft in drafts_of(name, number):
                    (ack,) = await client.append([draft])
                    note(ack)
                number += TASKS

        def note(ack: Ack) -> None:
            acks.write(f"{ack.event_id} {ack.seq} {ack.hash}\n")

        await asyncio.gather(*(task(first) for first in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(call_for_ever(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
