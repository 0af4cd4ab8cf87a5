"""A process that asks for calls: ``python asking_process.py SOCKET RUN CALLS``; says which were let through.

It waits for a line on standard input before it asks, and for another before it ends, so that its open calls
stay its own until then.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from ledger_events import requested

from peak_console.ledger.service.client import SocketLedgerClient


async def ask(path: Path, run_id: str, calls: int) -> None:
    """Ask for all calls at once."""
    async with await SocketLedgerClient.connect(path, name="asking") as client:
        sys.stdin.readline()
        names = [f"p{os.getpid()}c{number}" for number in range(calls)]
        drafts = [replace(requested(name, run_id=run_id, bound=10), event_id=f"ev_{name}") for name in names]
        answers = await asyncio.gather(*(client.append([draft]) for draft in drafts))
        through = [
            draft.call_id for draft, (ack,) in zip(drafts, answers, strict=True) if ack.refusal is None
        ]
        refused = sorted({ack.refusal.code for (ack,) in answers if ack.refusal is not None})
        sys.stdout.write(json.dumps({"through": through, "refused": refused}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(ask(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
